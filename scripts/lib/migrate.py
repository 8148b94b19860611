#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs a QEMU, moves its machine to a second one amid disk writes.

usage: migrate.py FOLDER BYTES COMMAND...

COMMAND is started with a control socket in FOLDER.  Once its first disk has
been written more than BYTES, the machine stops and goes to a file in FOLDER, from
which the same COMMAND takes it over.  The exit status is the second one's; 1
with one line about what went wrong; or 75 when QEMU, by a fault of its own, has
lost an interrupt.
"""
import json
import os
import socket
import subprocess
import sys
import time

LOST_INTERRUPT = 75
# seconds without a word in the guest's report
PATIENCE = 30


class Machine:
    """A QEMU and its control socket."""

    def __init__(self, folder, argv):
        path = os.path.join(folder, 'qmp')
        if os.path.exists(path):
            os.unlink(path)
        self.process = subprocess.Popen(
            argv + ['-qmp', f'unix:{path.replace(",", ",,")},server=on,wait=off'],
            stdin=subprocess.DEVNULL)
        self.socket = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self.socket.connect(path)
                break
            except OSError:
                self.check()
                time.sleep(0.05)
        self.file = self.socket.makefile('rw')
        self.file.readline()
        self.command('qmp_capabilities')

    def check(self):
        if self.process.poll() is not None:
            sys.exit('migrate: QEMU ended too early')

    def command(self, name, **arguments):
        try:
            self.file.write(json.dumps({'execute': name,
                                        'arguments': arguments}) + '\n')
            self.file.flush()
            for line in self.file:
                reply = json.loads(line)
                if 'error' in reply:
                    sys.exit(f'migrate: {name}: {reply["error"]["desc"]}')
                if 'return' in reply:
                    return reply['return']
        except OSError:
            pass
        sys.exit('migrate: QEMU ended too early')

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def written(machine):
    disks = machine.command('query-blockstats')
    return max((disk['stats']['wr_bytes'] for disk in disks), default=0)


def wait_for(machine, what):
    while not what():
        machine.check()
        time.sleep(0.02)


def leave(machine, state, limit):
    wait_for(machine, lambda: written(machine) > limit)
    machine.command('stop')
    print(f'migrate: after {written(machine)} bytes', flush=True)
    machine.command('migrate', uri=f'file:{state}')
    wait_for(machine, lambda: machine.command('query-migrate').get('status')
             in ('completed', 'failed'))
    info = machine.command('query-migrate')
    if info['status'] != 'completed':
        sys.exit('migrate: ' + info.get('error-desc', 'failed'))


def disk_is_idle(machine):
    """All requests of the disk are done, and no new one is there."""
    disk = next(device['path'] for device in machine.command('x-query-virtio')
                if device['name'] == 'virtio-blk')
    queue = machine.command('x-query-virtio-queue-status', path=disk, queue=0)
    return (queue['inuse'] == 0 and queue['used-idx'] ==
            queue['last-avail-idx'] == queue['shadow-avail-idx'])


def arrive(machine, report):
    """Waits for the end of the machine, or for QEMU's fault.

    When a machine with an iothread stops, QEMU waits for the disk's last
    request, but not for the iothread to raise its interrupt, which is lost
    then (stock QEMU's, too).  The guest waits for it forever in the disk's
    test.
    """
    wait_for(machine, lambda: machine.command('query-status')['status']
             != 'inmigrate')
    machine.command('cont')
    size, since = 0, time.monotonic()
    while machine.process.poll() is None:
        time.sleep(0.1)
        if os.path.getsize(report) != size:
            size, since = os.path.getsize(report), time.monotonic()
        elif time.monotonic() - since > PATIENCE:
            with open(report, encoding='utf-8') as file:
                in_disk_test = 'disk virtio-blk' not in file.read()
            if in_disk_test and disk_is_idle(machine):
                print('migrate: QEMU lost an interrupt of its disk')
                return LOST_INTERRUPT
            since = time.monotonic()
    return machine.process.returncode


def main():
    folder, limit, argv = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    state = os.path.join(folder, 'state.img')
    machine = Machine(folder, argv)
    try:
        leave(machine, state, limit)
        machine.stop()
        machine = Machine(folder, argv + ['-incoming', f'file:{state}'])
        print(f'migrate: {os.path.getsize(state)} bytes of state', flush=True)
        return arrive(machine, os.path.join(folder, 'report.log'))
    finally:
        machine.stop()


if __name__ == '__main__':
    sys.exit(main())
