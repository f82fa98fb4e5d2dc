// SPDX-License-Identifier: Apache-2.0

// Queue a task for each argument.  The task is a text; every dot in it is a tenth of a second of work.
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

	// A durable queue and persistent messages: the work survives a restart of the broker.
	_, err = channel.QueueDeclare("tasks", true, false, false, false, nil)
	must(err)
	for _, task := range os.Args[1:] {
		must(channel.PublishWithContext(context.Background(), "", "tasks", false, false,
			amqp.Publishing{DeliveryMode: amqp.Persistent, Body: []byte(task)}))
		fmt.Println("queued:", task)
	}
	must(connection.Close())
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
