import contextvars
v = contextvars.ContextVar("v", default=1)
contextvars.copy_context().run(v.set, 2)
print(v.get())
