# SPDX-License-Identifier: Apache-2.0
"""Every page: that it is there, can be used by keyboard and screen reader, in both colours, on a phone;
and the way in and out."""
import os
from urllib.parse import quote

from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from browser import PHONE, WithPage

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'audit.js'),
          encoding='utf-8') as file:
    AUDIT = file.read()

LONG = 'a.name.of.a.queue.that.is.as.long.as.names.may.be.' * 5


def fill(api):
    """Something of everything."""
    api.put('/exchanges/%2F/events', {'type': 'topic', 'durable': True})
    api.put('/exchanges/%2F/copies', {'type': 'fanout', 'durable': True})
    api.queue('orders', arguments={'x-message-ttl': 60000, 'x-dead-letter-exchange': 'copies'})
    api.queue(LONG)
    for target in ('q/orders', f'q/{quote(LONG, "")}', 'e/copies'):
        api.post(f'/bindings/%2F/e/events/{target}', {'routing_key': 'order.#'})
    api.post('/bindings/%2F/e/copies/q/orders', {'routing_key': '', 'arguments': {'x': 1}})
    for number in range(5):
        api.publish('orders', f'{{"number":{number}}}')
    api.put('/policies/%2F/short', {'pattern': '^orders', 'definition': {'max-length': 100},
                                    'apply-to': 'queues'})
    api.put('/operator-policies/%2F/bound', {'pattern': '.*', 'definition': {'max-length': 1000},
                                             'apply-to': 'queues'})
    api.put('/vhost-limits/%2F/max-queues', {'value': 500})
    api.user('ann', 'management', ('.*', '.*', '.*'))
    api.put('/user-limits/ann/max-channels', {'value': 5})
    api.put('/topic-permissions/%2F/ann', {'exchange': 'events', 'write': '^a', 'read': '.*'})


class Pages(WithPage):
    @classmethod
    def prepare(cls):
        fill(cls.api)
        cls.client = cls.broker.connect()
        channel = cls.client.channel()
        channel.basic_consume('orders', lambda *_: None)
        connection = quote(cls.api.get('/connections')[0]['name'], '')
        cls.routes = [
            '#/', '#/connections', f'#/connections/{connection}', '#/channels',
            f'#/channels/{connection}%20(1)', '#/exchanges', '#/exchanges/%2F/events',
            '#/exchanges/%2F/amq.default', '#/queues', '#/queues/%2F/orders',
            f'#/queues/%2F/{quote(LONG, "")}', '#/topology', '#/policies', '#/vhosts',
            '#/vhosts/%2F', '#/users', '#/users/ann', '#/sql', '#/nowhere',
        ]

    def unfold(self):
        self.script('document.querySelectorAll("details").forEach(one => { one.open = true; })')

    def audit(self, route):
        self.unfold()
        self.assertEqual(self.script(AUDIT), [], route)
        self.assertNotIn('has a fault', self.text())

    def test_all_pages_in_both_colours(self):
        self.enter()
        for colours in ('light', 'dark'):
            self.script('document.documentElement.dataset.theme = arguments[0]', colours)
            for route in self.routes:
                with self.subTest(route=route, colours=colours):
                    self.open(route)
                    self.audit(route)

    def test_the_system_s_colours(self):
        for colours, ground in (('dark', 'rgb(18, 22, 28)'), ('light', 'rgb(244, 245, 247)')):
            self.prefer(colours)
            self.assertEqual(self.one('html').value_of_css_property('background-color')
                             .replace('rgba', 'rgb').replace(', 1)', ')'), ground)
            self.assertEqual(self.script(AUDIT), [])

    def test_phone(self):
        self.resize(*PHONE)
        self.enter()
        for route in self.routes:
            with self.subTest(route=route):
                self.open(route)
                self.unfold()
                self.assertLessEqual(self.script('return document.documentElement.scrollWidth'),
                                     PHONE[0], route)
        self.assertFalse(self.one('#side').is_displayed())
        self.button('Menu')
        self.button('Queues')
        self.until(lambda: self.texts('h1') == ['Queues'], 'the menu leads nowhere')
        self.assertFalse(self.one('#side').is_displayed())

    def test_every_link_of_the_navigation(self):
        self.enter()
        for name in self.texts('#side nav a')[1:] + ['Overview']:
            self.button(name, '#side')
            self.until(lambda wanted=name: self.texts('h1') == [wanted], name)
            self.assertEqual(self.texts('#side a[aria-current]'), [name])
            self.until(lambda: self.script('return document.activeElement.localName') == 'h1',
                       'the focus did not follow')

    def test_keyboard(self):
        self.enter()
        self.one('body').send_keys(Keys.TAB)
        self.assertEqual(self.script('return document.activeElement.className'), 'skip')
        self.driver.switch_to.active_element.send_keys(Keys.ENTER)
        self.assertEqual(self.script('return document.activeElement.id'), 'main')
        plot = self.one('.plot svg')
        self.until(lambda: self.texts('.plot .scale'), 'no plot')
        plot.send_keys(Keys.ARROW_LEFT)
        self.assertTrue(self.one('.tip').is_displayed())

    def test_memory_adds_up(self):
        self.enter()
        self.until_text('Where the memory is')
        shares = [int(text.split()[0]) for text in self.texts('tbody td') if text.endswith(' %')]
        self.assertAlmostEqual(sum(shares), 100, delta=len(shares))

    def test_topology_by_keyboard(self):
        self.enter()
        self.open('#/topology')
        picture = self.one('svg.graph')
        before = picture.get_dom_attribute('viewBox')
        picture.send_keys('+', Keys.ARROW_RIGHT)
        self.assertNotEqual(picture.get_dom_attribute('viewBox'), before)
        picture.send_keys('0')
        self.assertEqual(picture.get_dom_attribute('viewBox'), before)
        self.one('svg a[aria-label="queue orders"]').send_keys(Keys.ENTER)
        self.until_text('Queue orders')

    def test_topology_shows_what_is_bound(self):
        self.enter()
        self.open('#/topology?name=copies')
        self.until(lambda: self.all('svg.graph'), 'no picture')
        names = [node.get_dom_attribute('aria-label') for node in self.all('svg.graph a')]
        self.assertEqual(names, ['exchange events', 'exchange copies', 'queue orders'])
        self.assertEqual(len(self.all('.edge')), 3)
        self.button('The same as a tree')
        tree = self.one('.tree').text
        self.assertIn('order.#', tree)

    def test_topology_leaves_out_a_crowd(self):
        for number in range(30):
            self.api.queue(f'loose-{number:02}')
        self.enter()
        self.open('#/topology')
        self.until_text('queues that only the default exchange knows are left out.')
        self.assertTrue(self.all('svg a[aria-label="queue orders"]'))
        self.assertFalse(self.all('svg a[aria-label="queue loose-07"]'))
        self.button('Show them')
        self.until(lambda: self.all('svg a[aria-label="queue loose-07"]'), 'no queue loose-07')
        self.until_no_text('are left out')
        for number in range(30):
            self.api.ask('DELETE', f'/queues/%2F/loose-{number:02}')

    def test_refreshing_stops_when_hidden_and_mends_itself(self):
        self.expected_errors = 100
        self.enter()
        Select(self.field('Refresh')).select_by_visible_text('2 s')
        self.script('''const real = window.fetch;
                       window.asked = 0;
                       window.broken = true;
                       window.fetch = (...all) => {
                           window.asked += 1;
                           return window.broken ? Promise.reject(new TypeError()) : real(...all);
                       };''')
        self.until_text('The broker can’t be reached. Trying again.')
        self.assertEqual(self.texts('h1'), ['Overview'])
        self.script('window.broken = false')
        self.until_no_text('can’t be reached')
        self.script('''Object.defineProperty(document, 'hidden', {get: () => true, configurable: true});
                       document.dispatchEvent(new Event('visibilitychange'));
                       window.asked = 0;''')
        self.script('''Object.defineProperty(document, 'hidden', {get: () => false, configurable: true});
                       document.dispatchEvent(new Event('visibilitychange'));''')
        self.until(lambda: self.script('return window.asked') > 0, 'it did not look at once')


class Door(WithPage):
    @classmethod
    def prepare(cls):
        cls.api.user('nobody', '')

    def test_sign_in_and_out(self):
        self.expected_errors = 2
        self.assertEqual(self.script(AUDIT), [])
        self.sign_in('guest', 'wrong')
        self.until_text('The name or the password is wrong.')
        self.sign_in('nobody', 'pw')
        self.until_text('none of the tags')
        self.enter()
        self.driver.refresh()
        self.one('#main h1')
        self.button('Sign out')
        self.one('#user')
        self.assertEqual(self.script('return sessionStorage.length'), 0)
        self.driver.refresh()
        self.one('#user')

    def test_deep_links_wait_for_the_sign_in(self):
        self.api.queue('deep')
        self.driver.get(f'{self.origin}/#/queues/%2F/deep')
        self.enter()
        self.until_text('Queue deep')

    def test_a_changed_password_brings_the_form_back(self):
        self.expected_errors = 100
        self.api.user('bea', 'monitoring', ('', '', '.*'))
        self.enter('bea', 'pw')
        self.api.put('/users/bea', {'password': 'new', 'tags': 'monitoring'})
        self.script("location.hash = '#/queues'")
        self.until_text('no longer accepts your password')
        self.api.ask('DELETE', '/users/bea')

    def test_what_is_gone_is_said(self):
        self.expected_errors = 10
        self.enter()
        self.open('#/queues/%2F/never%20there')
        self.until_text('Not Found')
        self.open('#/queues/%2F/..')
        self.until_text('bilbyctl can')
