"""What is learnt: a folder for each kind of task, with its data, networks, loss and metrics."""
