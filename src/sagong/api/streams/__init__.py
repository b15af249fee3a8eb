"""Sans-IO codecs of the streaming protocols: SPDY/3.1, WebSocket, and the channels kubectl multiplexes over them."""
