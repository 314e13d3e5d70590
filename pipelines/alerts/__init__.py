"""Alerts: who is told what after a refresh, in one e-mail a day at most.

`rules` reads who wants what, `facts` lists what is so, `digest` writes and sends. What is wrong is
judged by `pipelines/health.py` and published marts, never here.
"""
