# SPDX-License-Identifier: Apache-2.0
"""Certificates made by the openssl program, for one test run."""
import os
import subprocess


class Authority:
    """A little certificate authority in a directory."""

    def __init__(self, directory, name='ca'):
        self.directory = directory
        self.name = name
        self.run('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                 '-days', '2', '-subj', f'/CN={name}', '-keyout', self.key(name),
                 '-out', self.certificate(name), '-addext', 'basicConstraints=critical,CA:TRUE')

    def run(self, *arguments):
        subprocess.run(['openssl', *arguments], check=True, capture_output=True)

    def path(self, name):
        return os.path.join(self.directory, name)

    def certificate(self, name=None):
        return self.path((name or self.name) + '.pem')

    def key(self, name):
        return self.path(name + '.key')

    def issue(self, name, subject, alternatives=None, password=None, days=2, usage=None,
              rsa=False):
        """Makes name.pem and name.key; the subject in OpenSSL's form /CN=…"""
        request, extensions = self.path(name + '.csr'), self.path(name + '.ext')
        secrecy = ['-passout', 'pass:' + password] if password else ['-nodes']
        kind = ['rsa:2048'] if rsa else ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
        self.run('req', '-newkey', *kind, *secrecy, '-utf8',
                 '-subj', subject, '-keyout', self.key(name), '-out', request)
        with open(extensions, 'w') as file:
            file.write(f'subjectAltName={alternatives}\n' if alternatives else '')
            file.write(f'extendedKeyUsage={usage}\n' if usage else '')
        self.run('x509', '-req', '-in', request, '-CA', self.certificate(), '-CAkey',
                 self.key(self.name), '-CAcreateserial', '-days', str(days), '-out',
                 self.certificate(name), '-extfile', extensions)
        return self.certificate(name), self.key(name)
