# SPDX-License-Identifier: Apache-2.0
"""Virtual hosts that are made and deleted while others ask for them: their databases are opened and
removed beside the loop, so requests meet them half done."""
import base64
import socket
import threading

from target import Target, bilby_only

LOGIN = b'Authorization: Basic ' + base64.b64encode(b'guest:guest')


@bilby_only
class ComingAndGoing(Target):
    def names(self):
        return sorted(row['name'] for row in self.good('GET', '/api/vhosts') if row['name'] != '/')

    def tearDown(self):
        for name in self.names():
            self.good('DELETE', '/api/vhosts/' + name)
        self.assertIsNone(self.broker.process.poll(), self.broker.log())

    def at_once(self, requests):
        """The answers' statuses, in the requests' order."""
        found = [None] * len(requests)

        def one(index, method, path):
            found[index] = self.ask(method, path).status
        threads = [threading.Thread(target=one, args=(index, *request))
                   for index, request in enumerate(requests)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return found

    def test_one_of_many_makes_it(self):
        statuses = self.at_once([('PUT', '/api/vhosts/same')] * 8)
        self.assertEqual(sorted(statuses), [201] + [204] * 7)
        self.assertEqual(self.names(), ['same'])

    def test_many_are_made_at_once(self):
        names = [f'v{number:02}' for number in range(40)]
        statuses = self.at_once([('PUT', '/api/vhosts/' + name) for name in names])
        self.assertEqual(statuses, [201] * 40)
        self.assertEqual(self.names(), names)
        statuses = self.at_once([('DELETE', '/api/vhosts/' + name) for name in names])
        self.assertEqual(statuses, [204] * 40)
        self.assertEqual(self.names(), [])

    def test_makers_and_deleters_meet(self):
        paths = [('PUT', '/api/vhosts/x'), ('DELETE', '/api/vhosts/x'), ('GET', '/api/vhosts/x'),
                 ('PUT', '/api/queues/x/q'), ('GET', '/api/queues/x')]
        for _ in range(10):
            statuses = self.at_once(paths * 3)
            self.assertTrue(set(statuses) <= {200, 201, 204, 400, 404}, statuses)
        self.at_once([('DELETE', '/api/vhosts/x')])
        self.assertEqual(self.ask('PUT', '/api/vhosts/x').status, 201)
        self.assertEqual(self.good('GET', '/api/queues/x'), [])

    def test_its_maker_may_do_everything_in_it(self):
        self.good('PUT', '/api/vhosts/mine', {'description': 'of mine', 'tags': 'a,b'})
        row = self.good('GET', '/api/permissions/mine/guest')
        self.assertEqual((row['configure'], row['write'], row['read']), ('.*', '.*', '.*'))
        self.assertEqual(self.good('GET', '/api/vhosts/mine')['description'], 'of mine')
        with self.connect(vhost='mine') as connection:
            connection.channel().queue_declare('q')

    def test_it_is_made_though_its_maker_has_gone(self):
        for number in range(10):
            with socket.create_connection(('127.0.0.1', self.broker.http_port), 30) as sock:
                sock.sendall(b'PUT /api/vhosts/gone%d HTTP/1.1\r\nHost: x\r\n%s\r\n'
                             b'Content-Length: 0\r\n\r\n' % (number, LOGIN))
        self.until(lambda: len(self.names()) == 10)
        for name in self.names():
            self.assertEqual(self.good('GET', f'/api/permissions/{name}/guest')['read'], '.*')

    def test_definitions_make_them_too(self):
        names = [f'd{number:02}' for number in range(20)]
        definitions = {'vhosts': [{'name': name} for name in names],
                       'queues': [{'name': 'q', 'vhost': name, 'durable': True, 'auto_delete': False,
                                   'arguments': {}} for name in names]}
        self.good('POST', '/api/definitions', definitions)
        self.assertEqual(self.names(), names)
        self.assertEqual(sorted(row['vhost'] for row in self.good('GET', '/api/queues')), names)
        for name in names:
            self.good('DELETE', '/api/vhosts/' + name)

    def test_a_restart_finds_what_was_answered(self):
        self.good('PUT', '/api/vhosts/kept')
        self.good('PUT', '/api/vhosts/lost')
        self.good('DELETE', '/api/vhosts/lost')
        self.broker.kill()
        self.broker.start()
        self.assertEqual(self.names(), ['kept'])
