"""Replays the published KMIP cases as the runner that comes with them does, but for two things: before a step that a case
has repeated until it comes out passes as much time as between the time stamps of the published answers, and each client that
a case tells of is one of its own. What a match is, that runner says: it is loaded from where it lies.

usage: kmip_cases.py RUNNER HOST PORT FOLDER CASES

FOLDER holds ca.pem, client.pem and client.key, which also clean up; NAME.pem and NAME.key of the clients client-a, client-b
and so on, and of user-1, user-2 and so on for those that name themselves in the header. The server's clock is in other
hands: `clock SECONDS` asks on the standard output for it to stand at that second, and a line on the standard input says
that it does. The last line is the report.
"""
import argparse
import collections
import datetime
import json
import os
import re
import sys
import time
import xml.etree.ElementTree as ElementTree

_, RUNNER, HOST, PORT, FOLDER, CASES = sys.argv
MAIN = '\nmain()\n'


class Clock:
    """In place of the module `time`: stands still until it is set."""

    def __init__(self):
        self.now = int(time.time())

    def time(self):
        return self.now

    def set(self, now):
        self.now = now
        print('clock', now, flush=True)
        assert sys.stdin.readline(), 'nobody sets the clock'


def load(clock):
    """The runner's names."""
    with open(RUNNER) as file:
        source = file.read()
    assert source.endswith(MAIN), 'the runner begins in another way than it did'
    names = {'__file__': RUNNER, '__name__': 'runner'}
    exec(compile(source[: -len(MAIN)], RUNNER, 'exec'), names)
    names['time'] = clock
    return names


Step = collections.namedtuple('Step', 'client seconds')


def steps(path):
    """Who takes each step of a case, and how many seconds pass before it."""
    with open(path, errors='replace') as file:
        before = re.split('<RequestMessage>', file.read())[:-1]
    root = ElementTree.parse(path).getroot()
    stamps = [stamp(response) for response in root.iter('ResponseMessage')]
    client, users, taken = 'client', [], []
    for index, (text, request) in enumerate(zip(before, root.iter('RequestMessage'))):
        text = text.rpartition('</ResponseMessage>')[2]
        seconds = int(stamps[index] - stamps[index - 1]) if '# [REPEAT]' in text else 0
        named = re.findall(r'# \[Client-([A-Z])\]', text)
        if named:
            client = 'client-' + named[-1].lower()
        authentication = request.find('RequestHeader/Authentication')
        if authentication is None:
            taken.append(Step(client, seconds))
            continue
        user = ElementTree.tostring(authentication).split()
        if user not in users:
            users.append(user)
        taken.append(Step(f'user-{users.index(user) + 1}', seconds))
    return taken


def stamp(response):
    """When a published answer was given; None where it does not say."""
    try:
        return datetime.datetime.fromisoformat(response.find('ResponseHeader/TimeStamp').get('value')).timestamp()
    except (AttributeError, ValueError):
        return None


class Clients:
    """In place of the runner's connection: one for each client, at its time."""

    def __init__(self, connection, clock):
        self.connection, self.clock = connection, clock
        self.connections, self.steps = {}, []
        # The runner wants a connection anew by this; each of these sees to that itself.
        self.s = None

    def begin(self, path):
        self.steps = steps(path)

    def rt(self, message):
        step = self.steps.pop(0) if self.steps else None
        if step is not None and step.seconds > 0:
            self.clock.set(self.clock.now + step.seconds)
        return self.of(step.client if step is not None else 'client').rt(message)

    def of(self, client):
        if client not in self.connections:
            files = {'cert': f'{FOLDER}/{client}.pem', 'key': f'{FOLDER}/{client}.key', 'ca': f'{FOLDER}/ca.pem'}
            self.connections[client] = self.connection(
                argparse.Namespace(host=HOST, port=int(PORT), timeout=60, **files)
            )
        return self.connections[client]


def main():
    clock = Clock()
    clock.set(clock.now)
    runner = load(clock)
    clients, report = Clients(runner['Conn'], clock), {}
    for path in sorted(os.path.join(CASES, name) for name in os.listdir(CASES) if name.endswith('.xml')):
        clients.begin(path)
        try:
            verdict, errors, _ = runner['run'](path, clients, None)
        except Exception as error:
            verdict, errors = 'ERR', [repr(error)]
        report[path] = {'verdict': verdict, 'errors': errors[:12]}
    print(json.dumps(report))


main()
