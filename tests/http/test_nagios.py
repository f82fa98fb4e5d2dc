# SPDX-License-Identifier: Apache-2.0
"""The checks of Debian's nagios-plugins-rabbitmq, unmodified: all are OK, and cry when they should."""
import shutil
import subprocess
import unittest

from target import EXTERNAL, Target

OK, WARNING, CRITICAL = 0, 1, 2


@unittest.skipUnless(shutil.which('check_rabbitmq_server'), 'needs nagios-plugins-rabbitmq')
class Checks(Target):
    settings = ('collect_statistics_interval=1000',)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client = cls.connect()
        channel = cls.client.channel()
        channel.queue_declare('nagios')
        channel.basic_publish('', 'nagios', b'x' * 100)
        channel.basic_consume('nagios', lambda *_: None)
        cls.node = cls.good('GET', '/api/overview')['node']
        cls.until(lambda: [row for row in cls.good('GET', '/api/connections')
                           if 'rate' in row.get('recv_oct_details', {})])
        cls.until(lambda: cls.good('GET', '/api/queues/%2F/nagios').get('messages') == 1)

    @classmethod
    def tearDownClass(cls):
        if EXTERNAL:
            cls.client.channel().queue_delete('nagios')
        cls.client.close()
        super().tearDownClass()

    def check(self, name, *arguments, status=OK):
        done = subprocess.run(['check_rabbitmq_' + name, '-H', 'localhost', '--port',
                               str(self.broker.http_port), *arguments],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout

    def of_node(self):
        """The checks put "rabbit@" before the name by themselves."""
        if not self.node.startswith('rabbit@'):
            self.skipTest('the node is called ' + self.node)
        return '-n', self.node.partition('@')[2]

    def test_aliveness(self):
        self.check('aliveness')
        self.check('aliveness', '--vhost', 'nosuch', status=3)

    def test_connections(self):
        self.assertIn('connections=1', self.check('connections'))
        self.check('connections', '-w', '@1,@1,@1,@1', '-c', '9,9,9999999,9999999', status=WARNING)

    def test_objects(self):
        self.assertRegex(self.check('objects'), r'vhost=\d.* exchange=\d.* queue=\d.* channel=\d')

    def test_overview(self):
        self.assertIn('messages=1', self.check('overview'))
        self.check('overview', '-w', '0,0,0', '-c', '5,5,5', status=WARNING)

    def test_queue(self):
        self.assertRegex(self.check('queue', '--queue', 'nagios'), r'messages=1;.*consumers=1;')
        self.check('queue', '--queue', 'nagios', '-c', '0,0,0,0', status=CRITICAL)

    def test_partition(self):
        self.check('partition', *self.of_node())

    def test_server(self):
        self.assertRegex(self.check('server', *self.of_node()),
                         r'Memory OK .*Process OK .*FD OK .*Sockets OK ')

    def test_watermark(self):
        self.assertIn('OK - mem_alarm disk_free_alarm', self.check('watermark', *self.of_node()))

    def test_wrong_password(self):
        self.check('overview', '-p', 'wrong', status=CRITICAL)

    def test_shovels_need_a_plugin(self):
        done = subprocess.run(['check_rabbitmq_shovels', '-H', 'localhost', '-P',
                               str(self.broker.http_port), '-u', 'guest', '-p', 'guest'],
                              capture_output=True, text=True, timeout=60)
        self.assertRegex(done.stdout, 'CRITICAL.*API error: 404')
