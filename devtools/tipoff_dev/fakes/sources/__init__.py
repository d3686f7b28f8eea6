"""Fakes of the sources: their hosts, shapes and silences, with publication times that can be set.

A request for `https://HOST/PATH` is sent to it as `http://ADDRESS/HOST/PATH`. What it serves follows from a scenario
file and the time, which is the wall clock unless the request says `X-Tipoff-Event-Time`, so a day can be replayed.

    hosts.py          which hosts are faked, and the fakes beside a fleet's own scrapers
    document.py       what the fakes answer
    scenario.py       the model of a scenario file
    rolling.py        the scenario's weeks on the days around today
    teams.py          the league's teams
    publication.py    which report is out when, and what it says
    injury_pdf.py     writes injury reports as PDF
    schedule_json.py  writes scheduleLeagueV2.json
    nba.py            what the league's hosts serve besides: box scores, officials, players, scorer's reports
    odds.py, espn.py, balldontlie.py  the other sources
    game_story.py     what happens in a game, from which its documents are counted
    *_json.py, *_pdf.py  the writers of those documents
    faults.py         answers that go wrong on purpose
    app.py            the HTTP surface
    testing.py        the fakes without a port, for tests
"""
