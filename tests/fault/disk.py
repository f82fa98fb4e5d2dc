# SPDX-License-Identifier: Apache-2.0
"""A small disk of our own (tmpfs), that others can fill."""
import os
import pathlib
import subprocess
import tempfile
import unittest

needs_disk = unittest.skipUnless(os.environ.get('FAULT_NAMESPACES') == 'yes',
                                 'no mount namespace of its own')
FILL = 1 << 16


class SmallDisk:
    """`with SmallDisk(megabytes) as disk`: an empty file system below disk.path."""

    def __init__(self, megabytes):
        self.megabytes = megabytes
        self.path = pathlib.Path(tempfile.mkdtemp(prefix='bilby-disk-'))
        self.data = self.path / 'data'
        self.filler = self.path / 'of-others'

    def __enter__(self):
        self.mount()
        return self

    def mount(self, *options):
        """All is named: what mount(8) finds out by itself has users in it that a namespace may not know."""
        options = [*options, 'size=%dm' % self.megabytes, 'mode=700']
        subprocess.run(['mount', '-t', 'tmpfs', '-o', ','.join(options), 'none', str(self.path)],
                       check=True)

    def __exit__(self, *_):
        subprocess.run(['umount', '--lazy', str(self.path)], check=True)
        self.path.rmdir()

    def remount(self, option):
        self.mount('remount', option)

    def free(self):
        """Bytes that are left."""
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def fill(self, leave=0):
        """Others take all but so many bytes, in a file that grows."""
        with open(self.filler, 'ab', buffering=0) as file:
            try:
                while self.free() > leave:
                    file.write(b'x' * min(FILL, self.free() - leave))
            except OSError:
                pass  # full

    def clear(self):
        """They give it all back."""
        self.filler.unlink()
