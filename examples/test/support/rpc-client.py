"""A client of example 05: python3 rpc-client.py [--slowly] PORT METHOD ARGUMENT [METHOD ARGUMENT ...]

Sends all calls at once, or byte by byte, ends its side, and prints the replies in the order in which they come.
"""
import socket
import struct
import sys

arguments = sys.argv[1:]
slowly = arguments[0] == '--slowly'
port, *words = arguments[1:] if slowly else arguments

calls = b''
for number, (method, argument) in enumerate(zip(words[::2], words[1::2]), 1):
    method, argument = method.encode(), argument.encode()
    calls += struct.pack(f'!IB{len(method)}sI{len(argument)}s', number, len(method), method, len(argument), argument)

with socket.create_connection(('localhost', int(port))) as connection:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for part in [calls[i:i + 1] for i in range(len(calls))] if slowly else [calls]:
        connection.sendall(part)
    connection.shutdown(socket.SHUT_WR)
    replies = connection.makefile('rb')
    while head := replies.read(9):
        number, ok, length = struct.unpack('!I?I', head)
        print(number, 'ok' if ok else 'failed', replies.read(length).decode())
