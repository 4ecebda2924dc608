"""The window: web pages over a Step Functions client and the progress store, the same for this machine and for AWS."""
