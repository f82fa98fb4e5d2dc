# SPDX-License-Identifier: Apache-2.0
"""The page for questions in SQL."""
import os
import tempfile

from browser import WithPage
from test_pages import AUDIT


class Sql(WithPage):
    @classmethod
    def prepare(cls):
        cls.api.queue('a,"b"')
        cls.api.queue('=1+1')
        cls.api.publish('=1+1', 'x')

    def ask(self, query):
        self.open('#/sql')
        self.fill('form[aria-label=Query]', Query=query)
        self.button('Run')

    def test_rows_are_shown(self):
        self.enter()
        self.ask('select name, messages from queues order by name')
        self.until_text('2 rows in')
        self.assertEqual(self.texts('table thead th')[:2], ['name', 'messages'])
        self.assertIn('a,"b"', self.texts('table td'))
        self.assertEqual(self.script(AUDIT), [])

    def test_mistakes_are_told(self):
        self.expected_errors = 1
        self.enter()
        self.ask('select nme from queues')
        self.until_text('no such column: nme')

    def test_every_example_runs(self):
        self.enter()
        self.open('#/sql')
        titles = self.until(lambda: self.texts('.explained button'), 'no examples')
        for title in titles:
            self.script('document.querySelector("[aria-live] > div")?.remove()')
            self.button(title)
            self.button('Run')
            self.until(lambda: ' in ' in ''.join(self.texts('[aria-live] > div > p')), title)

    def test_rows_as_csv(self):
        with tempfile.TemporaryDirectory() as folder:
            self.driver.execute_cdp_cmd('Page.setDownloadBehavior', {
                'behavior': 'allow', 'downloadPath': folder})
            self.enter()
            self.ask('select name, messages from queues order by name')
            self.button('Export as CSV')
            path = os.path.join(folder, 'bilby-query.csv')
            self.until(lambda: os.path.exists(path) and os.path.getsize(path), 'no file came')
            with open(path, encoding='utf-8', newline='') as file:
                self.assertEqual(file.read(),
                                 'name,messages\r\n\'=1+1,1\r\n"a,""b""",0\r\n')
