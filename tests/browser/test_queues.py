# SPDX-License-Identifier: Apache-2.0
"""Queues: the list, one queue, and what is done to it."""
from urllib.parse import quote

from browser import WithPage

HOSTILE = [
    '<img src=x onerror="window.hacked=1">',
    '"><script>window.hacked=1</script>',
    "O'Hara/a?b#c&d=e%2F+f \\ ~",
    'ünï çødé 日本語 🦘',
    ' spaces  at both ends ',
    'javascript:alert(1)',
    'x' * 255,
    'constructor',
]


class List(WithPage):
    @classmethod
    def prepare(cls):
        for i in range(120):
            cls.api.queue(f'q{i:03}', arguments={'x-message-ttl': 1000 + i} if i % 2 else {})
        for _ in range(3):
            cls.api.publish('q078', 'x')

    def rows(self):
        return self.texts('#main tbody th')

    def test_pages_sorting_and_filter_stand_in_the_address(self):
        self.enter()
        self.open('#/queues')
        self.until_text('120 queues')
        self.assertEqual(self.rows()[0], 'q000')
        self.button('Next page')
        self.until_text('page 2 of 3')
        self.assertEqual(self.rows()[0], 'q050')
        self.button('Ready')
        self.until(lambda: self.rows()[:1] == ['q078'], 'not sorted')
        self.assertEqual(self.texts('th[aria-sort=descending] button'), ['Ready▾'])
        self.one('#filter-name').send_keys('q00')
        self.until_text('10 of 120 queues')
        self.driver.refresh()
        self.until_text('10 of 120 queues')
        self.assertEqual(self.one('#filter-name').get_attribute('value'), 'q00')
        self.one('#filter-name').clear()
        self.one('#filter-name').send_keys('^q0.7$')
        self.until_text('Nothing matches the filter.')
        self.field('regular expression').click()
        self.until_text('10 of 120 queues')

    def test_back_goes_back(self):
        self.enter()
        self.open('#/queues?name=q011')
        self.button('q011')
        self.until_text('Queue q011')
        self.driver.back()
        self.until_text('1 of 120 queues')


class Names(WithPage):
    def test_hostile_names_are_only_names(self):
        for name in HOSTILE:
            self.api.queue(name)
        self.enter()
        self.open('#/queues')
        for name in HOSTILE:
            self.until(lambda wanted=name: wanted in self.texts('#main tbody th a'), name)
        for name in HOSTILE:
            with self.subTest(name=name):
                self.open(f'#/queues/%2F/{quote(name, "")}')
                self.until(lambda wanted=name: self.texts('h1 .name') == [wanted], name)
                self.button('Delete', '.heading')
                self.button('Delete', 'dialog')
                self.until(lambda: self.texts('h1') == ['Queues'], 'not back at the list')
                self.assertFalse(self.api.has(f'/queues/%2F/{quote(name, "")}'))
        self.assertIsNone(self.script('return window.hacked ?? null'))


class Work(WithPage):
    def test_declare_with_arguments(self):
        self.enter()
        self.open('#/queues')
        self.button('Add a queue')
        self.fill('form', Name='made here')
        self.fill('form', **{'Arguments: key': 'x-max-length', 'Arguments: value': '7'})
        self.button('Add the queue')
        self.until_text('Queue made here is there.')
        queue = self.api.get('/queues/%2F/made%20here')
        self.assertEqual((queue['arguments'], queue['durable']), ({'x-max-length': 7}, True))

    def test_a_refusal_is_told_by_its_reason(self):
        self.expected_errors = 1
        self.api.queue('taken', arguments={'x-max-length': 1})
        self.enter()
        self.open('#/queues')
        self.button('Add a queue')
        self.fill('form', Name='taken')
        self.button('Add the queue')
        self.until_text("inequivalent arg 'x-max-length' for queue 'taken'")

    def test_publish_get_and_purge(self):
        self.api.queue('letters')
        self.enter()
        self.open('#/queues/%2F/letters')
        self.button('Publish to (default)')
        self.fill('form[aria-label=Publish]', Payload='{"total":12,"paid":false}')
        self.button('Publish')
        self.until_text('Published, and routed.')
        self.button('Get messages')
        self.button('Get')
        self.until_text('"paid": false')
        self.until_text('Got 1; 0 more are ready.')
        self.button('Purge', '.heading')
        self.button('Purge', 'dialog')
        self.until_text('letters is empty.')
        self.assertEqual(self.api.post('/queues/%2F/letters/get', {
            'count': 1, 'ackmode': 'ack_requeue_true', 'encoding': 'auto'}), [])

    def test_bytes_are_shown_as_base64(self):
        self.api.queue('bytes')
        self.api.post('/exchanges/%2F/amq.default/publish',
                      {'routing_key': 'bytes', 'payload': '/wD+', 'payload_encoding': 'base64',
                       'properties': {'headers': {'<b>': '<i>'}}})
        self.enter()
        self.open('#/queues/%2F/bytes')
        self.button('Get messages')
        self.button('Get')
        self.until_text('not text: shown as base64')
        self.until_text('/wD+')
        self.until_text('<b> <i>')

    def test_bind_and_unbind(self):
        self.api.queue('bound')
        self.enter()
        self.open('#/queues/%2F/bound')
        self.button('Bind to an exchange')
        self.fill('form[aria-label=Bind]', From_exchange='amq.headers', Key='k/~ ')
        self.fill('form[aria-label=Bind]', **{'Arguments: key': 'x-match', 'Arguments: value': 'any'})
        self.button('Bind')
        self.until_text('The binding is there.')
        row = self.api.get('/bindings/%2F/e/amq.headers/q/bound')[0]
        self.assertEqual((row['routing_key'], row['arguments']), ('k/~ ', {'x-match': 'any'}))
        self.button('Unbind amq.headers, key k/~')
        self.button('Unbind', 'dialog')
        self.until_text('The binding is gone.')
        self.assertEqual(self.api.get('/bindings/%2F/e/amq.headers/q/bound'), [])

    def test_a_form_survives_refreshes(self):
        self.api.queue('slow typist')
        self.script("localStorage.setItem('bilby.refresh', '2')")
        self.enter()
        self.open('#/queues/%2F/slow%20typist')
        self.button('Publish to (default)')
        self.fill('form[aria-label=Publish]', Payload='half a mess')
        self.api.publish('slow typist', 'x')
        self.until(lambda: self.texts('.legend b')[0] == '1', 'not refreshed')
        field = self.field('Payload')
        self.assertEqual(field.get_attribute('value'), 'half a mess')
        self.assertEqual(self.script('return document.activeElement'), field)


class Many(WithPage):
    @classmethod
    def prepare(cls):
        queues = [{'name': f'many.{i:05}', 'vhost': '/', 'durable': True, 'auto_delete': False,
                   'arguments': {}} for i in range(10000)]
        cls.api.post('/definitions', {'queues': queues})

    def test_ten_thousand_queues(self):
        self.enter()
        self.open('#/queues?size=100&sort=messages&reverse=true')
        self.until_text('10,000 queues')
        self.assertEqual(len(self.all('#main tbody tr')), 100)
        self.one('#filter-name').send_keys('many.0999')
        self.until_text('10 of 10,000 queues')
        self.open('#/topology?name=many.09')
        self.until_text('300 of 1,000 are shown')
        self.open('#/')
        self.until_text('10,000')
