"""The MTA: receives a message, keeps it safe, decides where it goes next, and hands it on.

session.py, commands.py → queue.py → attempt.py → route.py   mine?        → local.py, the MDA's door
                                                             elsewhere?   → send.py, to the next MTA
                                         finish.py           later?       → retry.py
                                                             impossible?  → bounce.py, back to the sender
"""
