# SPDX-License-Identifier: Apache-2.0
"""Data directories that are not as they should be: a clear sentence, the documented exit code, and nothing in
them changed; and what is mended makes the broker start with all its messages."""
import hashlib
import os
import pathlib
import shutil
import sqlite3
import unittest

import wire
from disk import SmallDisk, needs_disk
from node import Node, PATIENCE, report

COUNT = 100
BUSY, DATA, IO = 75, 65, 74


def fingerprint(directory):
    """Of every file: kind and content. SQLite may make an empty WAL, and an index of it (-shm)."""
    found = {}
    for path in sorted(pathlib.Path(directory).rglob('*')):
        name = str(path.relative_to(directory))
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif name.endswith('-shm') or name == 'lock':
            continue
        elif path.is_file() and not (name.endswith('-wal') and path.stat().st_size == 0):
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


class DataDirectory(unittest.TestCase):
    def filled(self, broker, killed=True):
        """A broker that has ended and left messages, in its databases or (killed) in their WAL."""
        broker.start()
        client = wire.Client(broker.url, timeout=PATIENCE)
        channel = client.channel()
        channel.call('queue.declare', queue='kept', durable=True)
        channel.call('confirm.select')
        for number in range(COUNT):
            channel.publish('', 'kept', b'%08d' % number + b'.' * 500, delivery_mode=2)
            channel.expect('basic.ack')  # each in a transaction of its own
        if killed:
            broker.kill()
        else:
            client.shut()
            broker.stop()

    def check_whole(self, broker):
        """It starts, and every message is there, in order."""
        broker.start()
        client = wire.Client(broker.url, timeout=PATIENCE)
        channel = client.channel()
        tag = channel.call('basic.consume', queue='kept').consumer_tag
        for number in range(COUNT):
            self.assertEqual(channel.deliver().body[:8], b'%08d' % number)
        channel.call('basic.cancel', consumer_tag=tag)
        client.shut()
        self.assertEqual(broker.stop(), 0)

    def refused(self, broker, code, *words):
        """It does not start, for a reason that has these words, twice the same, and changes nothing."""
        before = fingerprint(broker.data)
        for _ in range(2):
            status, said = broker.start_in_vain()
            self.assertEqual(status, code, said)
            for word in words:
                self.assertIn(word, said)
            self.assertEqual(fingerprint(broker.data), before)

    def damage(self, name, offset, text):
        """What becomes of a broker when bytes of one file are others; then they are put right."""
        broker = Node()
        self.addCleanup(broker.discard)
        self.filled(broker, killed=name.endswith('-wal'))
        path = broker.data / name
        whole = path.read_bytes()
        self.assertGreater(len(whole), offset)
        path.write_bytes(whole[:offset] + text + whole[offset + len(text):])
        return broker, path, whole

    def test_damaged_heads(self):
        for name in ('node.db', 'vhost-%2F.db'):
            with self.subTest(name):
                broker, path, whole = self.damage(name, 0, b'this is no database at all')
                self.refused(broker, DATA, str(path), 'Nothing was changed')
                path.write_bytes(whole)
                self.check_whole(broker)

    def test_damaged_pages(self):
        """Noise over everything behind the first page."""
        for name in ('node.db', 'vhost-%2F.db'):
            with self.subTest(name):
                broker, path, whole = self.damage(name, 8192, b'\xa5' * 8192 * 3)
                self.refused(broker, DATA, str(path))
                path.write_bytes(whole)
                self.check_whole(broker)

    def test_truncated(self):
        broker, path, whole = self.damage('vhost-%2F.db', 0, b'')
        path.write_bytes(whole[:len(whole) // 2])
        self.refused(broker, DATA, str(path))
        path.write_bytes(whole)
        self.check_whole(broker)

    def test_a_torn_wal_is_cut_where_it_is_torn(self):
        """What power loss leaves: the log ends within a transaction. What stands before it is kept, in order."""
        broker = Node()
        self.addCleanup(broker.discard)
        self.filled(broker)
        path = broker.data / 'vhost-%2F.db-wal'
        size = path.stat().st_size
        kept = []
        for torn in (size - 100, size - 5000, size // 2):
            os.truncate(path, torn)
            broker.start()
            kept.append(broker.depth('kept') if 'kept' in str(broker.api('queues')) else 0)
            broker.kill()
        self.assertLessEqual(kept[0], COUNT)
        self.assertEqual(kept, sorted(kept, reverse=True))
        report('a torn WAL', messages=COUNT, kept=kept)

    def test_noise_in_the_wal(self):
        """A frame whose checksum is wrong ends the log; the broker starts with what stands before it."""
        broker, path, whole = self.damage('vhost-%2F.db-wal', 60000, b'\xa5' * 100)
        broker.start()
        self.assertLess(broker.depth('kept') if 'kept' in str(broker.api('queues')) else 0, COUNT)
        self.assertEqual(broker.stop(), 0)

    def test_a_newer_version(self):
        broker = Node()
        self.addCleanup(broker.discard)
        self.filled(broker, killed=False)
        path = broker.data / 'vhost-%2F.db'
        database = sqlite3.connect(path)
        version, = database.execute('PRAGMA user_version').fetchone()
        database.execute('PRAGMA user_version = 9999')
        database.close()
        self.refused(broker, DATA, str(path), 'newer version')
        database = sqlite3.connect(path)
        database.execute('PRAGMA user_version = %d' % version)
        database.close()
        self.check_whole(broker)

    def test_a_database_of_somebody_else(self):
        broker = Node()
        self.addCleanup(broker.discard)
        broker.data.mkdir()
        database = sqlite3.connect(broker.data / 'node.db')
        database.execute('CREATE TABLE recipes (name TEXT)')
        database.commit()
        database.close()
        self.refused(broker, DATA, 'not one of Bilby')

    def test_databases_that_were_swapped(self):
        broker = Node()
        self.addCleanup(broker.discard)
        self.filled(broker, killed=False)
        path, other = broker.data / 'vhost-%2F.db', broker.data / 'vhost-other.db'
        shutil.copy(broker.data / 'node.db', other)
        path.rename(broker.data / 'aside')
        other.rename(path)
        self.refused(broker, DATA, str(path))
        (broker.data / 'aside').rename(path)
        self.check_whole(broker)

    def test_files_of_others_are_left_alone(self):
        broker = Node()
        self.addCleanup(broker.discard)
        self.filled(broker, killed=False)
        for name in ('README', 'vhost-old.db.bak', 'core'):
            (broker.data / name).write_text('not ours')
        (broker.data / 'lost+found').mkdir()
        (broker.data / 'dangling').symlink_to('nowhere')
        self.check_whole(broker)
        for name in ('README', 'vhost-old.db.bak', 'core'):
            self.assertEqual((broker.data / name).read_text(), 'not ours')
        self.assertTrue((broker.data / 'lost+found').is_dir())
        self.assertTrue((broker.data / 'dangling').is_symlink())

    def test_a_missing_shm_is_made_anew(self):
        broker = Node()
        self.addCleanup(broker.discard)
        self.filled(broker)
        for path in broker.data.glob('*-shm'):
            path.unlink()
        self.check_whole(broker)

    def test_a_symlink_to_the_directory(self):
        """The directory may be elsewhere; and the lock is the same whichever way one comes."""
        broker = Node()
        self.addCleanup(broker.discard)
        self.filled(broker)
        elsewhere = broker.directory / 'elsewhere'
        broker.data.rename(elsewhere)
        broker.data.symlink_to(elsewhere)
        self.check_whole(broker)
        broker.start()
        other = Node(elsewhere)
        self.addCleanup(other.discard)
        status, said = other.start_in_vain()
        self.assertEqual(status, BUSY)
        self.assertIn('in use by another broker (process %d' % broker.process.pid, said)
        self.assertEqual(broker.stop(), 0)

    def test_a_second_broker(self):
        broker = Node()
        self.addCleanup(broker.discard)
        self.filled(broker)
        broker.start()
        other = Node(broker.data)
        self.addCleanup(other.discard)
        for _ in range(3):
            status, said = other.start_in_vain()
            self.assertEqual(status, BUSY)
            self.assertIn(str(broker.data), said)
        broker.kill()  # a lock that a dead process left is none
        self.check_whole(broker)

    def test_something_else_in_its_place(self):
        broker = Node()
        self.addCleanup(broker.discard)
        broker.data.write_text('a file')
        status, said = broker.start_in_vain()
        self.assertEqual(status, IO)
        self.assertIn(str(broker.data), said)
        self.assertEqual(broker.data.read_text(), 'a file')

    def test_a_directory_in_place_of_a_database(self):
        broker = Node()
        self.addCleanup(broker.discard)
        self.filled(broker, killed=False)
        path = broker.data / 'vhost-%2F.db'
        path.rename(broker.data / 'aside')
        path.mkdir()
        self.refused(broker, IO, str(path))
        path.rmdir()
        (broker.data / 'aside').rename(path)
        self.check_whole(broker)

    def test_a_missing_database_of_the_node(self):
        """Users and rights are not made anew beside what they guard."""
        broker = Node()
        self.addCleanup(broker.discard)
        self.filled(broker, killed=False)
        path = broker.data / 'node.db'
        path.rename(broker.directory / 'aside')
        self.refused(broker, DATA, str(path), 'is missing')
        (broker.directory / 'aside').rename(path)
        self.check_whole(broker)

    def test_a_missing_database_of_a_virtual_host(self):
        """An empty one takes its place, which does not go unsaid."""
        broker = Node()
        self.addCleanup(broker.discard)
        self.filled(broker, killed=False)
        path = broker.data / 'vhost-%2F.db'
        path.rename(broker.directory / 'aside')
        broker.start()
        self.assertIn('the database of a virtual host is missing', broker.log())
        broker.stop()
        (broker.directory / 'aside').rename(path)
        self.check_whole(broker)

    @needs_disk
    def test_a_read_only_disk(self):
        with SmallDisk(32) as disk:
            broker = Node(disk.data, disk_free_limit__absolute=0)
            self.addCleanup(broker.discard)
            self.filled(broker)
            disk.remount('ro')
            self.refused(broker, IO, str(disk.data))
            disk.remount('rw')
            self.check_whole(broker)


if __name__ == '__main__':
    unittest.main()
