"""What systemd's socket unit does: python3 socket-holder.py PATH COMMAND [ARGUMENT ...]

Listens on a Unix socket, runs the command with that as its descriptor 3, and again, once it has ended at SIGTERM, for each line
on its input. At the end of the input it ends the command and itself.
"""
import os
import socket
import subprocess
import sys

path, *command = sys.argv[1:]
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
os.chmod(path, 0o666)
listener.listen(128)
if listener.fileno() != 3:
    os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)

environment = {**os.environ, 'LISTEN_FDS': '1'}
while True:
    process = subprocess.Popen(command, close_fds=False, stdin=subprocess.DEVNULL, env=environment)
    again = sys.stdin.readline()
    process.terminate()
    if process.wait() != 0 or not again:
        sys.exit(process.returncode)
