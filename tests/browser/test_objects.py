# SPDX-License-Identifier: Apache-2.0
"""Making, changing and deleting all that is no queue."""
import json
import os
import tempfile

import pika

from browser import WithPage


class Objects(WithPage):
    def test_an_exchange_s_life(self):
        self.api.queue('bound')
        self.enter()
        self.open('#/exchanges')
        self.button('Add an exchange')
        self.fill('form', Name='news <b>', Type='topic')
        self.button('Add the exchange')
        self.until_text('Exchange news <b> is there.')
        self.button('news <b>')
        self.until_text('Exchange news <b>')
        self.button('Bind a queue or an exchange to it')
        self.fill('form[aria-label=Bind]', named='bound', Key='a.*')
        self.button('Bind')
        self.until_text('The binding is there.')
        self.fill('form[aria-label=Explain]', Routing_key='a.b')
        self.button('Explain')
        self.until_text('Routed to 1 queue.')
        self.fill('form[aria-label=Explain]', Routing_key='b')
        self.button('Explain')
        self.until_text('needs')
        self.button('Publish to news <b>')
        self.fill('form[aria-label=Publish]', Routing_key='nobody wants it', Payload='x')
        self.button('Publish')
        self.until_text('Published, but no queue took the message.')
        self.button('Delete', '.heading')
        self.button('Cancel', 'dialog')
        self.until(lambda: not self.all('dialog'), 'the dialog stays')
        self.assertTrue(self.api.has('/exchanges/%2F/news%20%3Cb%3E'))
        self.button('Delete', '.heading')
        self.button('Delete', 'dialog')
        self.until_text('Exchange news <b> is deleted.')
        self.assertFalse(self.api.has('/exchanges/%2F/news%20%3Cb%3E'))

    def test_messages_are_moved(self):
        for name in ('source', 'target'):
            self.api.queue(name)
        for number in range(3):
            self.api.publish('source', str(number))
        self.enter()
        self.open('#/queues/%2F/source')
        self.button('Move messages')
        self.fill('form[aria-label="Move them"]', named='target')
        self.button('Move them')
        self.until_text('3 messages were moved to target.')
        got = self.api.post('/queues/%2F/target/get', {
            'count': 5, 'ackmode': 'ack_requeue_false', 'encoding': 'auto'})
        self.assertEqual([message['payload'] for message in got], ['0', '1', '2'])

    def test_a_user_s_life(self):
        self.enter()
        self.open('#/users')
        self.button('Add a user')
        self.fill('form', Name='ünï/1', Password='s', Tags='monitoring')
        self.button('Add the user')
        self.until_text('User ünï/1 is there.')
        self.button('ünï/1')
        self.until_text('User ünï/1')
        self.button('Set a permission')
        self.fill('form[aria-label="Set the permission"]', Configure='', Write='^a')
        self.button('Set the permission')
        self.until_text('The permission is set.')
        path = '/users/%C3%BCn%C3%AF%2F1'
        row = self.api.get(f'{path}/permissions')[0]
        self.assertEqual((row['configure'], row['write'], row['read']), ('', '^a', '.*'))
        self.button('Set a topic permission')
        self.button('Set the topic permission')
        self.until_text('The topic permission is set.')
        self.button('Set a limit')
        self.fill('form[aria-label="Set the limit"]', At_most='3')
        self.button('Set the limit')
        self.until_text('The limit is set.')
        self.assertEqual(self.api.get('/user-limits/%C3%BCn%C3%AF%2F1')[0]['value'],
                         {'max-connections': 3})
        self.button('Change the tags')
        self.fill('form[aria-label="Set the tags"]', Tags='management, policymaker')
        self.button('Set the tags')
        self.until_text('The tags are set.')
        self.button('Change the password')
        self.fill('form[aria-label="Set the password"]', New_password='t')
        self.button('Set the password')
        self.until_text('The password is set.')
        self.assertEqual(self.api.get(path)['tags'], ['management', 'policymaker'])
        self.button('Clear max-connections')
        self.until_text('The limit is cleared.')
        self.button('Delete', '.heading')
        self.button('Delete', 'dialog')
        self.until_text('is deleted.')
        self.assertFalse(self.api.has(path))

    def test_a_virtual_host_s_life(self):
        self.enter()
        self.open('#/vhosts')
        self.button('Add a virtual host')
        self.fill('form', Name='shop/1', Description='the <i>shop</i>', Tags='a, b')
        self.button('Add the virtual host')
        self.until_text('Virtual host shop/1 is there')
        self.button('shop/1')
        self.until_text('the <i>shop</i>')
        self.until(lambda: 'shop/1' in self.texts('#vhosts option'), 'it can not be chosen')
        self.assertEqual(self.api.get('/vhosts/shop%2F1')['tags'], ['a', 'b'])
        self.button('Start tracing')
        self.until_text('Tracing is on')
        self.button('Set a limit')
        self.fill('form[aria-label="Set the limit"]', Limit='max-queues', At_most='3')
        self.button('Set the limit')
        self.until_text('The limit is set.')
        self.button('Show its queues')
        self.until_text('There are no queues yet.')
        self.assertEqual(self.field('Virtual host').get_attribute('value'), 'shop/1')
        self.open('#/vhosts/shop%2F1')
        self.button('Delete', '.heading')
        self.button('Delete it with all that is in it', 'dialog')
        self.until_text('is deleted.')
        self.assertFalse(self.api.has('/vhosts/shop%2F1'))
        self.until(lambda: 'shop/1' not in self.texts('#vhosts option'), 'it can be chosen')

    def test_a_policy_s_life(self):
        self.enter()
        self.open('#/policies')
        self.button('Add an operator policy')
        self.fill('form', Name='bound', Names_like='.*')
        self.fill('form', **{'Definition: key': 'message-ttl', 'Definition: value': '5'})
        self.button('Add the operator policy')
        self.until_text('The operator policy bound is in effect.')
        self.button('Change bound')
        self.fill('#edit-operator-policies form', **{'Definition: value': '6'})
        self.button('Change the operator policy')
        self.until(lambda: self.api.get('/operator-policies/%2F/bound')['definition']
                   == {'message-ttl': 6}, 'not changed')
        self.button('Delete bound')
        self.button('Delete', 'dialog')
        self.until_text('The operator policy is deleted.')
        self.assertEqual(self.api.get('/operator-policies'), [])

    def test_a_connection_is_closed(self):
        client = self.broker.connect(client_properties={'connection_name': '<b>bold</b>'})
        client.channel().basic_qos(prefetch_count=3)
        name = self.api.get('/connections')[0]['name']
        self.enter()
        self.open('#/connections')
        self.until_text('<b>bold</b>')
        self.button(name)
        self.until_text('Name by the client')
        self.button(f'{name} (1)')
        self.until_text('Channel')
        self.driver.back()
        self.until_text('Name by the client')
        self.button('Close', '.heading')
        self.button('Close it', 'dialog')
        self.until_text('The connection is closed.')
        with self.assertRaises(pika.exceptions.ConnectionClosedByBroker):
            client.process_data_events(10)

    def test_definitions_go_out_and_come_back(self):
        with tempfile.TemporaryDirectory() as folder:
            self.driver.execute_cdp_cmd('Page.setDownloadBehavior', {
                'behavior': 'allow', 'downloadPath': folder})
            self.api.queue('kept')
            self.enter()
            self.button('Export as a file')
            self.until(lambda: any(name.endswith('.json') for name in os.listdir(folder)),
                       'no file came')
            path = os.path.join(folder, os.listdir(folder)[0])
            with open(path, encoding='utf-8') as file:
                self.assertIn('kept', [queue['name'] for queue in json.load(file)['queues']])
            self.api.ask('DELETE', '/queues/%2F/kept')
            self.field('Import a file').send_keys(path)
            self.button('Import')
            self.until_text('The definitions are imported.')
            self.assertTrue(self.api.has('/queues/%2F/kept'))
