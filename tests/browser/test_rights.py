# SPDX-License-Identifier: Apache-2.0
"""What users see who may not do everything: nothing is offered that would be refused."""
from browser import WithPage
from test_pages import fill


class Rights(WithPage):
    @classmethod
    def prepare(cls):
        fill(cls.api)
        cls.api.put('/vhosts/other')
        cls.api.user('watch', 'monitoring')
        cls.api.user('own', 'management', ('^own', '^own', '.*'))
        cls.api.user('rules', 'policymaker', ('', '', '.*'))

    def pages(self):
        names = self.texts('#side nav a')
        for name in names:
            self.button(name, '#side')
            self.until(lambda wanted=name: self.texts('h1') == [wanted], name)
            self.assertNotIn('not authorised', self.text())
        return names

    def test_monitoring_sees_all_and_changes_nothing(self):
        self.enter('watch', 'pw')
        self.until_text('Loop lag')
        self.assertNotIn('Definitions', self.texts('h2'))
        self.assertNotIn('Users', self.pages())
        self.open('#/policies')
        self.assertEqual(self.all('#main button, #main form'), [])
        self.open('#/vhosts')
        self.assertEqual(self.all('#main form'), [])

    def test_managers_see_their_own(self):
        self.enter('own', 'pw')
        self.until_text('Message rates')
        self.assertNotIn('Loop lag', self.text())
        self.assertNotIn('Users', self.pages())
        self.open('#/vhosts')
        self.until_text('1 virtual host')
        self.assertEqual(self.texts('#main tbody th'), ['/'])

    def test_refusals_are_told(self):
        self.expected_errors = 1
        self.enter('own', 'pw')
        self.open('#/queues')
        self.button('Add a queue')
        self.fill('form', Name='theirs')
        self.button('Add the queue')
        self.until_text('Access refused.')
        self.assertEqual(self.texts('form .alert'), ['Access refused.'])

    def test_policymakers_make_policies_but_no_operator_policies(self):
        self.enter('rules', 'pw')
        self.pages()
        self.open('#/policies')
        self.button('Add a policy')
        self.fill('form', Name='mine', Names_like='^mine')
        self.fill('form', **{'Definition: key': 'max-length', 'Definition: value': '9'})
        self.button('Add the policy')
        self.until_text('The policy mine is in effect.')
        self.assertEqual(self.api.get('/policies/%2F/mine')['definition'], {'max-length': 9})
        self.assertNotIn('Add an operator policy', self.texts('summary'))
