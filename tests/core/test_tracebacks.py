from studio.core.tracebacks import shorten

TRACE = """Traceback (most recent call last):
  File "/opt/slipway/scoring/script/entry_script.py", line 88, in answer
    result = self._run(body)
             ^^^^^^^^^^^^^^^
  File "/opt/slipway/scoring/script/loading.py", line 12, in call
    return function(body)
  File "/data/bundles/0f3c9d1e/source/score.py", line 5, in run
    rows = json.loads(data)["rows"]
  File "/data/environments/ab/lib/python3.11/site-packages/pandas/core/frame.py", line 4102, in __getitem__
    raise KeyError(key)
  File "/usr/lib/python3.11/json/decoder.py", line 355, in raw_decode
    raise err
KeyError: 'rows'
"""


def test_traceback_has_short_paths_and_no_frames_of_the_scoring_server():
    assert (
        shorten(TRACE)
        == """Traceback (most recent call last):
  … 2 frames of the scoring server
  File "score.py", line 5, in run
    rows = json.loads(data)["rows"]
  File "pandas/core/frame.py", line 4102, in __getitem__
    raise KeyError(key)
  File "json/decoder.py", line 355, in raw_decode
    raise err
KeyError: 'rows'
"""
    )


def test_user_file_named_like_the_scoring_server_is_kept():
    line = '  File "/data/bundles/0f/source/scoring/script/run.py", line 1, in run'
    assert shorten(line) == '  File "scoring/script/run.py", line 1, in run'


def test_text_without_traceback_is_unchanged():
    text = 'No File "x" here\n\n    indented\nModel files:\n  model.pkl  12 kB'
    assert shorten(text) == text
