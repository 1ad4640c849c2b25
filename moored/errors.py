"""Every error that moored raises on purpose, and the exit code of each.

Each says in one sentence what came, what is allowed and what to do next.

    MooredError
    ├── Terminal                    trying again changes nothing
    │   ├── StudyInvalid        10  the study file
    │   │   └── UnsafeRule      11  an SQL rule that does more than compute
    │   ├── DataInvalid         20  the user's table
    │   │   ├── ColumnMissing   21
    │   │   ├── DuplicateIds    22
    │   │   ├── EmptyText       23
    │   │   ├── OutsideDomain   24
    │   │   │   └── LabelsUnknown 37  value labels of SPSS, Stata or SAS that are no answers
    │   │   ├── NoLabels        25
    │   │   ├── FileAbsent      26  a folder, an address or nothing where the table should be
    │   │   ├── WrongEncoding   27
    │   │   ├── EmptyTable      28  no header, or no rows
    │   │   ├── HeaderUnclear   29  column names that are doubled, merged or not there
    │   │   ├── PasswordNeeded  36
    │   │   ├── SheetUnnamed    38  several sheets or tables, and none of them is named
    │   │   └── NotReadable     39  a kind of file that is not read, or a file that is broken
    │   ├── TableUnclear        12  `moored init` cannot tell which column is what
    │   ├── AnswersUnclear      13  ... nor what its labels are worth
    │   ├── Unwell              14  `moored doctor` found something that does not work
    │   ├── ExtraMissing        15  a package that this command needs is not installed
    │   ├── TermUnknown         16  words for a fit that name none of its terms
    │   ├── PortTaken           19  the port for `moored ui` cannot be used
    │   ├── PageNotWritten      18  a report or statement cannot be written there
    │   ├── EstimationError     30  the numbers
    │   │   ├── Unidentified    31  too few labelled units for the parameters
    │   │   ├── Separated       32  complete or quasi-complete separation
    │   │   ├── Singular        33  collinear columns
    │   │   ├── NotConverged    34
    │   │   └── NonFinite       35  NaN or infinity came in
    │   ├── KeyRefused          41  401 and 403
    │   ├── RequestRefused      42  the endpoint says this request can never work (400, 404, 422)
    │   ├── TooManyFailures     43  more generations failed than the study allows
    │   ├── BudgetReached       44
    │   ├── SchemaNewer         51  the store was written by a newer moored
    │   ├── NotStored           52  no such study, version or run in the store
    │   ├── WouldOverwrite      53  a backup or an export never replaces a file
    │   ├── StoreUnwritable     57  the store's place cannot be written
    │   ├── PrefectUnusable     58  Prefect's own settings cannot be used
    │   ├── ServerNotStarted    59  a Prefect server of our own does not start
    │   ├── ChecksFailed        60  a critical check stopped the run
    │   ├── VersionDiffers      61  a stored version cannot be computed again from its inputs
    │   ├── Overdue             62  nothing was published for longer than expected, or a run died
    │   ├── ChecksumDiffers     71  a downloaded file is not the pinned one
    │   ├── ModelAbsent         72  a model of `moored model list` is not here yet
    │   └── CacheUnwritable     73  the cache folder cannot be written
    └── Transient                   the same call may go through later
        ├── EndpointUnreachable 40
        ├── EndpointBusy        45  it asks to wait longer than the study allows
        ├── StoreLocked         50  another process holds the store
        ├── StudyBusy           54  another run of the same study is under way
        ├── ServerLost          55  the Prefect server does not answer
        ├── DiskFull            56  no room for the store, the journal or a model
        └── FetchFailed         70  the package index, or an address, did not answer
"""

from __future__ import annotations

# Defined there, to be imported from here.
from moored.refusal import MooredError as MooredError  # noqa: PLC0414
from moored.refusal import Terminal as Terminal  # noqa: PLC0414
from moored.refusal import Transient as Transient  # noqa: PLC0414


class StudyInvalid(Terminal, exit_code=10):
    """The study file cannot be read as a study."""


class UnsafeRule(StudyInvalid, exit_code=11):
    """An SQL rule reads files, calls out or does more than compute over its row."""


class DataInvalid(Terminal, exit_code=20):
    """The user's table cannot be used as the study says."""


class ColumnMissing(DataInvalid, exit_code=21):
    """The study names a column that the data do not have."""


class DuplicateIds(DataInvalid, exit_code=22):
    """Two rows carry one id."""


class EmptyText(DataInvalid, exit_code=23):
    """A unit has no text."""


class OutsideDomain(DataInvalid, exit_code=24):
    """A label or covariate holds a value that its domain does not allow."""


class NoLabels(DataInvalid, exit_code=25):
    """No unit carries a human label."""


class FileAbsent(DataInvalid, exit_code=26):
    """A folder, an address or nothing is where the table should be."""


class WrongEncoding(DataInvalid, exit_code=27):
    """The file is not in the encoding that it is read in."""


class EmptyTable(DataInvalid, exit_code=28):
    """A file without a header or without rows."""


class HeaderUnclear(DataInvalid, exit_code=29):
    """Column names are doubled, merged or not there."""


class PasswordNeeded(DataInvalid, exit_code=36):
    """The file is protected by a password."""


class LabelsUnknown(OutsideDomain, exit_code=37):
    """The value labels of a column are none of the answers."""


class SheetUnnamed(DataInvalid, exit_code=38):
    """A file of several sheets or tables, and none of them, or one that is not there, is named."""


class NotReadable(DataInvalid, exit_code=39):
    """A kind of file that is not read, or a file that is not what its name says."""


class TableUnclear(Terminal, exit_code=12):
    """Which column of a table is what cannot be told from the table alone."""


class AnswersUnclear(Terminal, exit_code=13):
    """What the labels of a column are worth cannot be told from the labels alone."""


class Unwell(Terminal, exit_code=14):
    """Something that a run needs does not work."""


class ExtraMissing(Terminal, exit_code=15):
    """This command needs packages that a plain installation leaves out."""


class TermUnknown(Terminal, exit_code=16):
    """A contrast or hypothesis in words cannot be read, or names no term of the fit."""


class EstimationError(Terminal, exit_code=30):
    """The sample does not determine the estimate."""


class Unidentified(EstimationError, exit_code=31):
    """Fewer labelled units than parameters, or than a correction needs."""


class Separated(EstimationError, exit_code=32):
    """A covariate predicts a binary (or zero count) outcome perfectly: the estimate is infinite."""


class Singular(EstimationError, exit_code=33):
    """Collinear or constant columns among the human covariates."""


class NotConverged(EstimationError, exit_code=34):
    """Newton's method did not reach its tolerance."""


class NonFinite(EstimationError, exit_code=35):
    """NaN or infinity where a number is needed."""


class EndpointUnreachable(Transient, exit_code=40):
    """Nothing answers at the model's address."""


class EndpointBusy(Transient, exit_code=45):
    """The endpoint asks to wait longer than `generation.max_wait_minutes`; what was generated is stored."""


class KeyRefused(Terminal, exit_code=41):
    """The endpoint refuses the API key."""


class RequestRefused(Terminal, exit_code=42):
    """The endpoint refuses the request itself: unknown model, text too long, content filter."""


class TooManyFailures(Terminal, exit_code=43):
    """More generations failed than the study allows."""


class BudgetReached(Terminal, exit_code=44):
    """The study's budget is used up; what was generated is stored."""


class StoreLocked(Transient, exit_code=50):
    """Another process holds the store."""


class StudyBusy(Transient, exit_code=54):
    """Another run of the same study is under way."""


class DiskFull(Transient, exit_code=56):
    """There is no room for the store, the journal or a model to grow; what is stored stays."""


class SchemaNewer(Terminal, exit_code=51):
    """The store was written by a newer moored."""


class NotStored(Terminal, exit_code=52):
    """The store has no such study, version or run."""


class PageNotWritten(Terminal, exit_code=18):
    """A report, a table or a methods statement cannot be written where it was asked for."""


class PortTaken(Terminal, exit_code=19):
    """The port for the pages cannot be used."""


class WouldOverwrite(Terminal, exit_code=53):
    """The file or folder to write is there already."""


class StoreUnwritable(Terminal, exit_code=57):
    """The store, or what lies beside it, cannot be written where it is."""


class PrefectUnusable(Terminal, exit_code=58):
    """Prefect's own settings cannot be read, or name no server."""


class ServerNotStarted(Terminal, exit_code=59):
    """A Prefect server of our own does not start."""


class VersionDiffers(Terminal, exit_code=61):
    """A stored version's numbers are not what its stored inputs give today."""


class ChecksFailed(Terminal, exit_code=60):
    """A critical check stopped the run before estimation."""


class ServerLost(Transient, exit_code=55):
    """The Prefect server does not answer, or no longer."""


class Overdue(Terminal, exit_code=62):
    """Nothing was published for longer than expected, or a run died and could not say so."""


class FetchFailed(Transient, exit_code=70):
    """The package index, an address or a path did not deliver a file."""


class ChecksumDiffers(Terminal, exit_code=71):
    """A downloaded file is not the pinned one."""


class ModelAbsent(Terminal, exit_code=72):
    """A model of `moored model list` is not on this machine, or the list has no such model."""


class CacheUnwritable(Terminal, exit_code=73):
    """The cache folder, where models are kept, cannot be written."""
