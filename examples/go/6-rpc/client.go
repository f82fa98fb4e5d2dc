// SPDX-License-Identifier: Apache-2.0

// Ask the server, wait for the answer: client N…  Several questions are under way at once.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	amqp "github.com/rabbitmq/amqp091-go"
)

func main() {
	connection, err := amqp.Dial(os.Getenv("AMQP_URL"))
	must(err)
	channel, err := connection.Channel()
	must(err)
	replies, err := channel.QueueDeclare("", false, false, true, false, nil)
	must(err)
	messages, err := channel.Consume(replies.Name, "", true, false, false, false, nil)
	must(err)
	for i, n := range os.Args[1:] {
		must(channel.PublishWithContext(context.Background(), "", "rpc", false, false, amqp.Publishing{
			ReplyTo: replies.Name, CorrelationId: fmt.Sprint("question ", i), Body: []byte(n)}))
	}
	answers := map[string]string{}
	for len(answers) < len(os.Args)-1 {
		answer := <-messages
		answers[answer.CorrelationId] = string(answer.Body)
	}
	for i, n := range os.Args[1:] {
		fmt.Printf("fibonacci(%s) = %s\n", n, answers[fmt.Sprint("question ", i)])
	}
	must(connection.Close())
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
