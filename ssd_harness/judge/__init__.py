"""Turn programs and tests into verdicts, and verdicts into pass@k.

``scheduler`` distributes programs over slots. Each ``slot_worker`` runs programs through a ``slot_session``, which
passes the outcomes of the tests to a ``trial``. The trial decides the verdict, with ``comparison`` for outputs.
``serial_rejudge`` runs programs again that came close to a time limit or lost their slot.
"""
