"""Who turns the crank: the intake and engine processes, bells, the schedule."""
