// SPDX-License-Identifier: Apache-2.0

// Answer questions about Fibonacci numbers: the answer goes where the question says, with its number on it.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strconv"

	amqp "github.com/rabbitmq/amqp091-go"
)

func fibonacci(n int) int {
	one, two := 0, 1
	for ; n > 0; n-- {
		one, two = two, one+two
	}
	return one
}

func main() {
	left, _ := strconv.Atoi(os.Getenv("COUNT"))
	connection, err := amqp.Dial(os.Getenv("AMQP_URL"))
	must(err)
	channel, err := connection.Channel()
	must(err)
	_, err = channel.QueueDeclare("rpc", false, false, false, false, nil)
	must(err)
	must(channel.Qos(1, 0, false))
	questions, err := channel.Consume("rpc", "", false, false, false, false, nil)
	must(err)
	fmt.Println("waiting for questions")
	for question := range questions {
		n, _ := strconv.Atoi(string(question.Body))
		fmt.Printf("asked: fibonacci(%d)\n", n)
		must(channel.PublishWithContext(context.Background(), "", question.ReplyTo, false, false,
			amqp.Publishing{CorrelationId: question.CorrelationId, Body: []byte(strconv.Itoa(fibonacci(n)))}))
		must(question.Ack(false))
		if left--; left == 0 {
			break
		}
	}
	must(connection.Close())
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
