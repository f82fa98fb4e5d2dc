// SPDX-License-Identifier: Apache-2.0

// Work on tasks, one at a time; start as many workers as you like and they share the queue.
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

func main() {
	left, _ := strconv.Atoi(os.Getenv("COUNT"))
	connection, err := amqp.Dial(os.Getenv("AMQP_URL"))
	must(err)
	channel, err := connection.Channel()
	must(err)
	_, err = channel.QueueDeclare("tasks", true, false, false, false, nil)
	must(err)

	// No second task before the first is acknowledged: who is quick gets more.
	must(channel.Qos(1, 0, false))
	tasks, err := channel.Consume("tasks", "", false, false, false, false, nil)
	must(err)
	fmt.Println("waiting for tasks")
	for task := range tasks {
		fmt.Printf("working: %s\n", task.Body)
		time.Sleep(time.Duration(bytes.Count(task.Body, []byte("."))) * 100 * time.Millisecond)
		fmt.Printf("done: %s\n", task.Body)
		// Only now is the task off the books; had we died before, another worker would get it.
		must(task.Ack(false))
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
