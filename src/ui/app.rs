//! The loop: everything that happens comes in through one channel, is folded into the state, and is drawn at a
//! bounded rate. It decides nothing: that is `update`'s.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use crossterm::event::{Event as TerminalEvent, EventStream};
use futures_util::StreamExt;
use jiff::tz::TimeZone;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::reader::Reader;
use super::row_reader::RowReader;
use super::state::{Action, Engine, Msg, RowPlace, State};
use super::style::Colours;
use super::terminal::{self, Guard, Output, Screen};
use super::update::update;
use super::{screens, scripts_reader};
use crate::engine::{Event, NoticeLevel, Outcome, Wish};
use crate::error::{Kind, Report};
use crate::procedure::DumpScripts;

/// How often the screen is drawn at most while things flood in.
const FRAME: Duration = Duration::from_millis(60);
/// How soon a key shows its effect at the latest.
const KEY_FRAME: Duration = Duration::from_millis(15);
/// How often the clock moves while something runs, and how often the terminal is looked after.
const TICK: Duration = Duration::from_millis(500);
/// How many messages are taken in before the screen is looked after.
const BATCH: usize = 1000;

/// How the wizard looks at the world.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether colours may be used.
    pub colours: Colours,
    /// Where the operator's clock stands.
    pub zone: TimeZone,
}

impl Options {
    /// Reads `NO_COLOR` and the time zone of the system.
    #[must_use]
    pub fn from_environment() -> Self {
        Self { colours: Colours::from_no_color(std::env::var_os("NO_COLOR").as_deref()), zone: TimeZone::system() }
    }
}

/// How the wizard was left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// How the run stands; none when nothing was begun.
    pub outcome: Option<Outcome>,
    /// How the site is left behind, and what to do next; none when nothing was begun.
    pub farewell: Option<String>,
}

impl End {
    /// Returns the exit status of the program.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        self.outcome.map_or(0, Outcome::exit_status)
    }

    fn of(state: &State) -> Self {
        let outcome = match &state.engine {
            Engine::Over { outcome, .. } => Some(*outcome),
            Engine::Working => Some(Outcome::Interrupted),
            Engine::Resting { because } => because.as_ref().map(|(outcome, _)| *outcome),
            Engine::Opening => None,
        };
        let outcome = outcome.or(state.is_busy().then_some(Outcome::Interrupted));
        Self { outcome, farewell: screens::farewell(state) }
    }
}

/// Runs the wizard until it is left. Draws its first frame at once, before the engine said anything.
pub async fn run(
    wishes: UnboundedSender<Wish>,
    events: UnboundedReceiver<Event>,
    options: Options,
) -> Result<End, Report> {
    if !terminal::is_there() {
        return Err(Report::new(Kind::Environment, "The wizard needs a terminal, and there is none.")
            .unchanged("Nothing was changed.")
            .next("Run it from a terminal, or use `lino-upgrade run --headless` in scripts."));
    }
    let guard = Guard::enter().map_err(|error| no_terminal(&error))?;
    let mut app = App::start(wishes, events, options, guard).map_err(|error| no_terminal(&error))?;
    let ended = app.turn().await;
    app.output.drain();
    drop(app);
    ended
}

fn no_terminal(error: &io::Error) -> Report {
    Report::new(Kind::Environment, format!("The terminal cannot be used: {error}."))
        .unchanged("A command that was running goes on by itself.")
        .next("Start lino-upgrade again in another terminal.")
}

struct App {
    state: State,
    wishes: UnboundedSender<Wish>,
    inbox: UnboundedReceiver<Msg>,
    sender: UnboundedSender<Msg>,
    reader: Reader,
    rows: Arc<RowReader>,
    output: Output,
    screen: Screen,
    keys: JoinHandle<()>,
    helpers: Vec<JoinHandle<()>>,
    guard: Guard,
    dirty: Option<Instant>,
    drawn: Instant,
    quit: bool,
}

impl Drop for App {
    fn drop(&mut self) {
        self.keys.abort();
        for helper in &self.helpers {
            helper.abort();
        }
    }
}

impl App {
    fn start(
        wishes: UnboundedSender<Wish>,
        events: UnboundedReceiver<Event>,
        options: Options,
        guard: Guard,
    ) -> io::Result<Self> {
        let (sender, inbox) = mpsc::unbounded_channel();
        let gone = sender.clone();
        let output = Output::start(move || {
            let _ = gone.send(Msg::Terminated);
        })?;
        let mut screen = output.screen()?;
        let size = crossterm::terminal::size()?;
        let state = State::new(now(), options.zone, options.colours, size);
        screen.draw(|frame| screens::draw(&state, frame))?;
        let news = sender.clone();
        let reader = Reader::start(move |msg| news.send(msg).is_ok())?;
        let helpers = vec![forward(events, sender.clone()), signals(sender.clone())?];
        let keys = keys(sender.clone());
        let drawn = Instant::now();
        let mut app = Self {
            state,
            wishes,
            inbox,
            sender,
            reader,
            rows: Arc::default(),
            output,
            screen,
            keys,
            helpers,
            guard,
            dirty: None,
            drawn,
            quit: false,
        };
        app.take(Msg::Resize(size.0, size.1))?;
        Ok(app)
    }

    /// Turns until the wizard is left.
    async fn turn(&mut self) -> Result<End, Report> {
        let mut tick = Instant::now() + TICK;
        while !self.quit {
            let draw = self.dirty.unwrap_or(tick);
            let received = tokio::select! {
                biased;
                msg = self.inbox.recv() => msg,
                () = sleep_until(draw), if self.dirty.is_some() => None,
                () = sleep_until(tick) => None,
            };
            if terminal::has_panicked() {
                return Err(Report::new(Kind::Environment, "The program has a fault and had to stop.")
                    .unchanged("A command that was running goes on by itself.")
                    .next("Start lino-upgrade again: it continues from what is recorded.")
                    .next("Report what was printed above to the makers of lino-upgrade."));
            }
            let result = self.work(received, &mut tick);
            if let Err(error) = result {
                // Without a terminal there is nobody to talk to; the run itself is not touched.
                let _ = self.wishes.send(Wish::Leave);
                return Err(Report { kind: Kind::Interrupted, ..no_terminal(&error) });
            }
        }
        match (&self.state.engine, self.state.trouble.take()) {
            // Nothing was begun: the reason is to stay on the terminal when the screen is gone.
            (Engine::Over { outcome: Outcome::Refused, .. }, Some(report)) => Err(report),
            _ => Ok(End::of(&self.state)),
        }
    }

    fn work(&mut self, received: Option<Msg>, tick: &mut Instant) -> io::Result<()> {
        let clock = now();
        if received.is_some() || Instant::now() >= *tick {
            let told = self.state.notice.is_some();
            for action in update(&mut self.state, Msg::Clock(clock)) {
                self.act(action)?;
            }
            if told && self.state.notice.is_none() {
                self.draw_in(FRAME);
            }
        }
        if Instant::now() >= *tick {
            *tick = Instant::now() + TICK;
            if !terminal::is_alive() {
                self.take(Msg::Terminated)?;
            } else if self.state.is_ticking() || self.has_other_size()? {
                self.draw_in(FRAME);
            }
        }
        if let Some(msg) = received {
            self.take(msg)?;
            for _ in 0..BATCH {
                match self.inbox.try_recv() {
                    Ok(msg) if !self.quit => self.take(msg)?,
                    _ => break,
                }
            }
        }
        if !self.quit && self.dirty.is_some_and(|at| Instant::now() >= at) {
            self.draw()?;
        }
        Ok(())
    }

    /// Tells whether the terminal's size changed without a signal that said so.
    fn has_other_size(&self) -> io::Result<bool> {
        let size = self.screen.size()?;
        Ok((size.width, size.height) != self.state.size)
    }

    /// Takes in one message and does what follows from it.
    fn take(&mut self, msg: Msg) -> io::Result<()> {
        let frame = if matches!(msg, Msg::Key(_) | Msg::Mouse(_) | Msg::Paste(_) | Msg::Resize(..)) {
            KEY_FRAME
        } else {
            FRAME
        };
        for action in update(&mut self.state, msg) {
            self.act(action)?;
        }
        self.draw_in(frame);
        Ok(())
    }

    /// Wants the screen drawn when `frame` has passed since the last time.
    fn draw_in(&mut self, frame: Duration) {
        let at = self.drawn + frame;
        self.dirty = Some(self.dirty.map_or(at, |wanted| wanted.min(at)));
    }

    fn act(&mut self, action: Action) -> io::Result<()> {
        match action {
            Action::Send(wish) => {
                // An engine that is gone has its own message; there is nothing more to say here.
                let _ = self.wishes.send(wish);
            }
            Action::Ask(request) => self.reader.ask(request),
            Action::ReadScripts(paths) => read_scripts(paths, self.sender.clone()),
            Action::ReadRow(place) => read_row(place, Arc::clone(&self.rows), self.sender.clone()),
            Action::Clipboard(text) => {
                let text = base64::engine::general_purpose::STANDARD.encode(text);
                self.output.send(format!("\x1b]52;c;{text}\x07").into_bytes());
            }
            Action::Notify(why) => self.output.send(format!("\x07\x1b]9;lino-upgrade: {why}\x07").into_bytes()),
            Action::Redraw => {
                terminal::take()?;
                self.forget_screen()?;
            }
            Action::Suspend => self.suspend()?,
            Action::Quit => self.quit = true,
        }
        Ok(())
    }

    fn suspend(&mut self) -> io::Result<()> {
        if !terminal::has_shell() {
            let text = "There is no shell behind this wizard that could bring it back.".to_owned();
            return self.take(Msg::Engine(Event::Noticed { level: NoticeLevel::Warning, text }));
        }
        self.keys.abort();
        self.output.drain();
        self.guard.suspend()?;
        self.keys = keys(self.sender.clone());
        self.forget_screen()
    }

    /// Makes the next frame draw every cell. `Terminal::clear` would ask the terminal where its cursor is, and wait
    /// for the answer while the operator's keys wait as well.
    fn forget_screen(&mut self) -> io::Result<()> {
        let size = self.screen.size()?;
        self.screen.resize(size.into())
    }

    fn draw(&mut self) -> io::Result<()> {
        if !self.output.is_idle() {
            // The terminal is slower than the wizard: this frame waits, and the next one shows all that happened.
            self.dirty = Some(Instant::now() + KEY_FRAME);
            return Ok(());
        }
        if self.has_other_size()? {
            let size = self.screen.size()?;
            for action in update(&mut self.state, Msg::Resize(size.width, size.height)) {
                self.act(action)?;
            }
        }
        let state = &self.state;
        self.screen.draw(|frame| screens::draw(state, frame))?;
        self.drawn = Instant::now();
        self.dirty = None;
        Ok(())
    }
}

/// Returns milliseconds since 1970.
fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Forwards what the terminal sends. When it is gone, so is the wizard.
fn keys(sender: UnboundedSender<Msg>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut stream = EventStream::new();
        while let Some(Ok(event)) = stream.next().await {
            let msg = match event {
                TerminalEvent::Key(key) => Msg::Key(key),
                TerminalEvent::Paste(text) => Msg::Paste(text),
                TerminalEvent::Mouse(event) => Msg::Mouse(event),
                TerminalEvent::Resize(columns, rows) => Msg::Resize(columns, rows),
                TerminalEvent::FocusGained | TerminalEvent::FocusLost => continue,
            };
            if sender.send(msg).is_err() {
                return;
            }
        }
        let _ = sender.send(Msg::Terminated);
    })
}

/// Forwards what the engine tells.
fn forward(mut events: UnboundedReceiver<Event>, sender: UnboundedSender<Msg>) -> JoinHandle<()> {
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            if sender.send(Msg::Engine(event)).is_err() {
                return;
            }
        }
        let _ = sender.send(Msg::EngineGone);
    })
}

/// Reads and aligns the dump scripts in the background. Nobody waits for it: it ends by itself.
fn read_scripts(paths: DumpScripts, sender: UnboundedSender<Msg>) {
    tokio::task::spawn_blocking(move || {
        let read = scripts_reader::read(&paths);
        let _ = sender.send(Msg::Scripts { paths, read });
    });
}

/// Looks a row of the snapshot up in the background. Nobody waits for it: it ends by itself.
fn read_row(place: RowPlace, rows: Arc<RowReader>, sender: UnboundedSender<Msg>) {
    tokio::task::spawn_blocking(move || {
        rows.read(&place, |looked| {
            let _ = sender.send(Msg::Row(looked));
        });
    });
}

/// Forwards signals that end or continue the wizard.
fn signals(sender: UnboundedSender<Msg>) -> io::Result<JoinHandle<()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // Else the terminal would stay as the wizard needs it.
    let mut quit = signal(SignalKind::quit())?;
    let mut stop = signal(SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw()))?;
    let mut go_on = signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?;
    Ok(tokio::spawn(async move {
        loop {
            let msg = tokio::select! {
                _ = hang_up.recv() => Msg::Terminated,
                _ = terminate.recv() => Msg::Terminated,
                _ = interrupt.recv() => Msg::Terminated,
                _ = quit.recv() => Msg::Terminated,
                _ = stop.recv() => Msg::Stopped,
                _ = go_on.recv() => Msg::Resumed,
            };
            if sender.send(msg).is_err() {
                return;
            }
        }
    }))
}
