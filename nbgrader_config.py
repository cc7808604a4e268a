"""nbgrader: solutions/ is kept by teachers, exercises/ is made from it (`make exercises`), grading/ is yours alone."""

from pathlib import Path

from mailcourse.checks.programs import find_programs

c = get_config()  # noqa: F821  # nbgrader gives it
# In a fresh clone there is no gradebook yet, and nbgrader makes none where there is no folder.
find_programs()
if Path("nbgrader_config.py").exists() and Path("solutions").exists():
    Path("grading").mkdir(mode=0o700, exist_ok=True)
c.CourseDirectory.course_id = "mailcourse"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
c.CourseDirectory.submitted_directory = "grading/submitted"
c.CourseDirectory.autograded_directory = "grading/autograded"
c.CourseDirectory.feedback_directory = "grading/feedback"
c.CourseDirectory.db_url = "sqlite:///grading/gradebook.db"
c.ClearSolutions.code_stub = {"python": "...  # your answer here"}
c.ClearSolutions.text_stub = "*Your answer here.*"
# What the answer cells were is kept in them, so that a task can be begun again; else these are nbgrader's own.
c.GenerateAssignment.preprocessors = [
    "nbgrader.preprocessors.LockCells",
    "nbgrader.preprocessors.ClearSolutions",
    "mailcourse.checks.release.KeepStub",
    "nbgrader.preprocessors.ClearOutput",
    "nbgrader.preprocessors.CheckCellMetadata",
    "nbgrader.preprocessors.ComputeChecksums",
    "nbgrader.preprocessors.SaveCells",
    "nbgrader.preprocessors.ClearHiddenTests",
    "nbgrader.preprocessors.ClearMarkScheme",
    "nbgrader.preprocessors.ComputeChecksums",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.Execute.extra_arguments = ["--HistoryManager.hist_file=:memory:", "--IPKernelApp.log_level=ERROR"]
# A notebook is run in a room of its own and judged outside of it: mailcourse/marking/execute.py.
c.Autograde.autograde_preprocessors = [
    "mailcourse.marking.execute.Judged",
    "nbgrader.preprocessors.IgnorePattern",
    "nbconvert.preprocessors.ClearMetadataPreprocessor",
    "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
# Nothing that a student wrote runs in a teacher's browser.
c.HTMLExporter.sanitize_html = True
