# SPDX-License-Identifier: Apache-2.0
"""New holiday rentals, each under a key of its place: rentals.CONTINENT.COUNTRY.TOWN"""
import json
import os

import pika

RENTALS = [
    ("rentals.eu.france.paris", "attic with a view of the roofs", 95),
    ("rentals.eu.france.bormes-les-mimosas", "stone house, lemon trees", 140),
    ("rentals.eu.france.paris", "houseboat, moored", 120),
    ("rentals.eu.italy.matera", "cave with a terrace", 80),
    ("rentals.oc.australia.coober-pedy", "burrow, cool all summer", 60),
]

connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
channel = connection.channel()
channel.exchange_declare("rentals", exchange_type="topic", durable=True)
for key, what, price in RENTALS:
    channel.basic_publish("rentals", key, json.dumps({"what": what, "euros": price}),
                          pika.BasicProperties(content_type="application/json"))
    print("offered: %s: %s" % (key, what))
connection.close()
