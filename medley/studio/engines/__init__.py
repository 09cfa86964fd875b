"""Where shots are taken: this process, others of this machine, or a cluster's."""
