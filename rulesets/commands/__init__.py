"""The commands of ``zhunsheng``, each read only when it is called: a start should not wait for the others."""
