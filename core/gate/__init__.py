"""Who is let in to the dashboard, and which folders those may read who are.

Unasked, a dashboard is for whoever sits at this machine: it listens at a loopback address, and a browser is answered
there only by a loopback name (a foreign name may be made to point here: DNS rebinding), only from its own pages (a
foreign page may open a WebSocket or a frame), and with nothing that another page could read or embed.

Opened to others on purpose, it wants a token from each of them besides. A token stands for a person, and persons have
runs and results of their own; folders that may be typed are held to those named at the start.

`Gate` stands before everything that the server answers, as ASGI middleware; `Opening` is what it was started with.
"""
