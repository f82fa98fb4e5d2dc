# SPDX-License-Identifier: Apache-2.0
"""Publishing over HTTP and taking messages: encodings, properties, ways of acknowledging, what is refused.
All but what says otherwise was seen on RabbitMQ 3.10."""
from target import Target, bilby_only

HEADERS = {'i': 1, 'big': 2 ** 40, 'neg': -5, 'f': 1.5, 's': 'ü', 'b': True, 'l': [1, 'a', {'x': 1}],
           't': {'a': {'b': False}}, 'e': {}, 'el': []}
PROPERTIES = {'headers': HEADERS, 'delivery_mode': 2, 'priority': 9, 'timestamp': 1600000000,
              'content_type': 'a/b', 'content_encoding': 'c', 'correlation_id': 'd', 'reply_to': 'e',
              'expiration': '60000', 'message_id': 'f', 'type': 'g', 'user_id': 'guest', 'app_id': 'h',
              'cluster_id': 'i'}


class Messages(Target):
    maxDiff = None

    def setUp(self):
        self.good('PUT', '/api/vhosts/messages')
        self.good('PUT', '/api/queues/messages/q', {'durable': True})
        self.addCleanup(self.good, 'DELETE', '/api/vhosts/messages')

    def publish(self, status=200, without=(), **more):
        body = {'routing_key': 'q', 'properties': {}, 'payload': 'x', 'payload_encoding': 'string', **more}
        for key in without:
            del body[key]
        answer = self.ask('POST', '/api/exchanges/messages/amq.default/publish', body)
        self.assertEqual(answer.status, status, answer.text)
        return answer.json() if status == 200 else answer.json()['reason']

    def get(self, status=200, without=(), queue='q', **more):
        body = {'count': 1, 'ackmode': 'ack_requeue_false', 'encoding': 'auto', **more}
        for key in without:
            del body[key]
        answer = self.ask('POST', f'/api/queues/messages/{queue}/get', body)
        self.assertEqual(answer.status, status, answer.text)
        return answer.json() if status == 200 else answer.json()['reason']

    def test_routed_or_not(self):
        self.assertEqual(self.publish(), {'routed': True})
        self.assertEqual(self.publish(routing_key='nowhere'), {'routed': False})

    def test_all_properties_come_back(self):
        self.publish(properties=PROPERTIES)
        (message,) = self.get()
        self.assertEqual(message, {
            'payload_bytes': 1, 'redelivered': False, 'exchange': '', 'routing_key': 'q',
            'message_count': 0, 'properties': PROPERTIES, 'payload': 'x', 'payload_encoding': 'string'})
        self.publish()
        self.assertEqual(self.get()[0]['properties'], [])

    def test_encodings(self):
        for payload, encoding, auto, base64, size in (
                ('hello', 'string', ('hello', 'string'), 'aGVsbG8=', 5),
                ('AP8B', 'base64', ('AP8B', 'base64'), 'AP8B', 3),
                ('w7w=\r\n', 'base64', ('ü', 'string'), 'w7w=', 2),
                ('', 'string', ('', 'string'), '', 0)):
            with self.subTest(payload):
                self.publish(payload=payload, payload_encoding=encoding)
                (row,) = self.get(ackmode='ack_requeue_true')
                self.assertEqual((row['payload'], row['payload_encoding'], row['payload_bytes']),
                                 (*auto, size))
                (row,) = self.get(encoding='base64')
                self.assertEqual((row['payload'], row['payload_encoding']), (base64, 'base64'))

    def test_ways_of_acknowledging(self):
        self.publish()
        for way in ('ack_requeue_true', 'reject_requeue_true', 'reject_requeue_false'):
            self.assertEqual(len(self.get(ackmode=way)), 1)
        self.assertEqual(self.get(), [])
        self.publish()
        self.get(ackmode='ack_requeue_true')
        self.assertTrue(self.get()[0]['redelivered'])
        self.assertEqual(self.get(), [])

    def test_truncation_leaves_the_size(self):
        self.publish(payload='hello')
        for truncate, shown in ((3, 'hel'), (0, ''), (50000, 'hello')):
            (row,) = self.get(ackmode='reject_requeue_true', truncate=truncate)
            self.assertEqual((row['payload'], row['payload_bytes']), (shown, 5))

    def test_counts(self):
        for number in range(5):
            self.publish(payload=str(number))
        rows = self.get(count=3, ackmode='ack_requeue_true')
        self.assertEqual([(row['payload'], row['message_count']) for row in rows],
                         [('0', 4), ('1', 3), ('2', 2)])
        self.assertEqual(len(self.get(count='2', ackmode='reject_requeue_true')), 2)
        self.assertEqual(self.get(count=0), [])
        self.assertEqual([row['payload'] for row in self.get(count=99999)], list('01234'))

    def test_what_cannot_be_published(self):
        for more, reason in (
                ({'payload': 5}, 'payload_not_string'), ({'payload': None}, 'payload_not_string'),
                ({'without': ['payload']}, '[{key_missing,payload}]'),
                ({'without': ['routing_key', 'payload_encoding']},
                 '[{key_missing,routing_key},{key_missing,payload_encoding}]'),
                ({'payload_encoding': 'BASE64'}, ['unsupported_encoding', 'BASE64']),
                ({'payload_encoding': 'base64', 'payload': 'YQ'}, ['not_base64', 'YQ']),
                ({'properties': {'delivery_mode': '2'}}, ['not_int', 'delivery_mode']),
                ({'properties': {'timestamp': 'now'}}, ['not_int', 'timestamp']),
                ({'properties': {'content_type': 5}}, ['not_string', 'content_type']),
                ({'properties': {'expiration': 'x'}},
                 "406 PRECONDITION_FAILED - invalid expiration 'x': no_integer"),
                ({'properties': {'user_id': 'x'}},
                 "406 PRECONDITION_FAILED - user_id property set to 'x' but authenticated user was "
                 "'guest'")):
            with self.subTest(more):
                self.assertEqual(self.publish(status=400, **more), reason)
        self.assertEqual(self.get(), [])

    def test_what_cannot_be_taken(self):
        for more, reason in (
                ({'count': 'x'}, ['not_integer', 'x']), ({'truncate': 'x'}, ['not_integer', 'x']),
                ({'encoding': 'none'}, 'Unsupported encoding. Please use auto or base64.'),
                ({'without': ['ackmode']}, '[{key_missing,ackmode}]')):
            with self.subTest(more):
                self.assertEqual(self.get(status=400, **more), reason)
        answer = self.ask('POST', '/api/queues/messages/nosuch/get',
                          {'count': 1, 'ackmode': 'ack_requeue_true', 'encoding': 'auto'})
        self.assertEqual(answer.status, 404)

    @bilby_only  # 3.10 answers 500, or publishes something else
    def test_what_rabbitmq_takes_badly(self):
        for more, reason in (
                ({'properties': 'x'}, ['not_an_object', 'properties']),
                ({'properties': {'headers': 'x'}}, ['bad_property', 'headers']),
                ({'properties': {'priority': 256}}, ['not_int', 'priority']),
                ({'routing_key': 5}, ['not_a_string', 'routing_key']),
                ({'routing_key': 'k' * 256}, 'routing_key is longer than 255 bytes'),
                ({'properties': {'message_id': 'm' * 256}}, ['bad_property', 'message_id'])):
            with self.subTest(more):
                self.assertEqual(self.publish(status=400, **more), reason)
        self.assertEqual(self.get(status=400, ackmode=5), ['unsupported_ackmode', ''])
        self.assertEqual(self.get(), [])
