"""The verbs: run, resume, stop, over a Step Functions client; the same for this machine and for AWS."""
