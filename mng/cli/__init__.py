"""Floor 3. The only code that reads the command line, prints, asks, or ends the process."""
