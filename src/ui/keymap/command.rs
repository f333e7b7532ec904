//! What the operator can want. A command says what is wanted, and no key.

/// What the operator wants from the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Begin, or go on.
    Go,
    /// Leave the selected step out.
    Skip,
    /// Run the selected step again.
    Retry,
    /// Open a shell, or go back into it.
    Shell,
    /// Show what an undo would do, or why there is none now.
    WayBack,
    /// Stop the step whose question waits, then show what an undo would do.
    UndoInstead,
    /// Begin the undo, or ask once more.
    BeginUndo,
    /// Begin the undo although rows are lost.
    BeginUndoSure,
    /// Stop after the running step.
    Pause,
    /// Show the levels of cancelling.
    Cancel,
    /// Leave the wizard.
    Quit,
    /// Explain the screen.
    Help,
    /// Take the site over from another operator.
    TakeOver,
    /// Show how the run ended.
    Summary,
    /// Show the question that was put aside.
    Answer,
    /// Let keys go to the command.
    Type,
    /// One row up.
    Up,
    /// One row down.
    Down,
    /// One page up.
    PageUp,
    /// One page down.
    PageDown,
    /// To the beginning.
    First,
    /// To the end.
    Last,
    /// Sideways.
    Left,
    /// Sideways.
    Right,
    /// The next pane.
    NextPane,
    /// The pane before.
    PreviousPane,
    /// Back to the running step and the end of its log.
    Follow,
    /// Look for text.
    Search,
    /// The next match.
    NextMatch,
    /// The match before.
    PreviousMatch,
    /// The next error or warning.
    NextTrouble,
    /// The error or warning before.
    PreviousTrouble,
    /// Wrap lines, or cut them.
    Wrap,
    /// The log alone, or all panes.
    FullScreen,
    /// Copy lines.
    Copy,
    /// Begin or end a selection of lines.
    Select,
    /// Draw again.
    Redraw,
    /// Stop the wizard's process.
    Suspend,
    /// Close what is in front, or end the selection, the search, the full screen.
    Back,
    /// Do what the popup asks.
    Confirm,
    /// Finish the step, then stop.
    CancelAfterStep,
    /// Press Ctrl-C in the command's terminal.
    CancelInterrupt,
    /// Kill the command; the first of two strokes.
    CancelKill,
    /// Leave; the command goes on.
    Leave,
    /// Answer the question.
    Choose(char),
    /// Let keys go to the wizard again.
    LeaveTyping,
    /// Accept the needle.
    AcceptSearch,
    /// Let keys go to the wizard while the shell stays.
    LeaveShell,
    /// Show what the versions differ in.
    Diff,
    /// Leave the comparison for the steps.
    Close,
    /// Look closer at what is chosen.
    Enter,
    /// The next difference.
    NextDifference,
    /// The difference before.
    PreviousDifference,
    /// Side by side, or one below the other.
    Unified,
    /// Fold away noise or equal lines, or show them.
    Fold,
    /// The field or model was renamed.
    Renamed,
    /// The field or model is gone.
    Gone,
    /// Load the snapshot with the new version into a scratch database.
    Rehearse,
    /// End the rehearsal.
    CancelRehearsal,
    /// Show the rows that were refused.
    Triage,
    /// Set a field.
    SetField,
    /// Empty a field.
    EmptyField,
    /// Point a field to another row.
    PointField,
    /// Leave rows out.
    LeaveOut,
    /// Ask the developer.
    AskDeveloper,
    /// Keep rows undecided.
    KeepUndecided,
    /// Give the values of a field to another one.
    CopyField,
    /// Drop a field.
    DropField,
    /// The model is called otherwise.
    RenameModel,
    /// What deciding keys apply to.
    Reach,
    /// Deciding keys apply to the whole model, or do not.
    WholeModel,
    /// Rows by how they stand.
    Which,
    /// Take the last decision back.
    Undo,
    /// Take it again.
    Redo,
    /// Load what was refused once more.
    RetryRows,
    /// Show what the decisions become.
    Edit,
    /// Show the traceback, or hide it.
    Traceback,
    /// The next undecided row.
    NextOpen,
    /// The undecided row before.
    PreviousOpen,
    /// Unfold all lines.
    UnfoldAll,
    /// Fold all lines.
    FoldAll,
    /// Go on with what was typed.
    AcceptTyped,
}
