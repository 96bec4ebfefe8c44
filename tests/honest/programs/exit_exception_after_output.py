print("right")
raise ValueError("late")
