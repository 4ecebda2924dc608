"""The door: a table of actions of the Step Functions API, request → answer."""
