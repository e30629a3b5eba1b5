"""Loaded by Python when it starts the local engine.

The engine's Lambda runtime API writes head and body of an answer separately. With Nagle's algorithm on, the
second write waits for the peer's delayed acknowledgement: 40 ms on every invocation.
"""

import socketserver

socketserver.StreamRequestHandler.disable_nagle_algorithm = True
