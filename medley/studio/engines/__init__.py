"""Where shots are taken: processes of this machine, or a cluster's."""
