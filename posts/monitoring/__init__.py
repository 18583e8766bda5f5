"""Answers of operators' questions: is the site up, is it slow, do jobs fail, what did the last deployment change.

Web processes count their requests in memory (posts.measures) and store the counts every minute. The page *Operations*
reads them, so it needs no other program. /readyz answers load balancers, /metrics answers Prometheus.
"""
