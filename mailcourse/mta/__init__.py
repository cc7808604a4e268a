"""The MTA: receives a message, keeps it safe, decides where it goes next, and hands it on.

receive.py → queue.py → carry.py → route.py   mine?        → local.py, the MDA's door
                                              elsewhere?   → send.py, to the next MTA
                                              impossible?  → bounce.py, back to the sender
"""
