"""Starts user code behind the best walls that the machine offers.

Entry scripts, models and uploaded files are other people's programs and data. What runs or opens them is started here:

    walls = current_walls()                       # probed once, then cached: `walls.level`, `walls.changes_user`
    plan = Plan(program=…, environment=…, folder=…, readable=…, writable=…, user=walls.user_for(…))
    subprocess.Popen(keeper_command(), stdin=PIPE, …)      # standard input: `request(plan, walls, …)`

`plan.py` says what a program needs, and knows no level. `levels.py` names the levels. `bubblewrap.py` and `rules.py`
turn a plan into arguments and rules; all of that is pure. `request.py` puts them together for the keeper. `keeper.py`
is the program between the studio and user code: it alone drops the identity, restricts itself with Landlock
(`landlock.py`), starts bubblewrap, passes signals on and ends all that is left when the program has ended; it and what
it imports use the standard library only, because it starts without the studio. `probe.py` tries each level on this
machine, `current.py` adds the settings.

The levels, best first; a better one includes what a worse one has where the machine can do it:

bubblewrap  namespaces of its own (mounts, processes, IPC, host name, users): only its own folders exist, and nothing
            outlives its first process. Landlock keeps it from sockets and ports that are no files.
landlock    the kernel refuses every file, signal and port that is not granted; other processes stay visible
uid         a user of its own, where the studio is root; closed folders are hidden
none        nothing but resource limits
"""
