//! The composition root: reads the command line and the configuration, puts the parts together, serves, and stops
//! cleanly.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use billhook::server::clock::Clock;
use billhook::server::config::{Config, ReadBy, VARIABLES, Variables, data_folder};
use billhook::server::{App, catalog_file};
use clap::{Parser, Subcommand};
use tokio::net::TcpListener;

#[cfg(feature = "sandbox")]
mod dev;
mod operator;

/// Self-hosted subscription billing and entitlements in one binary.
#[derive(Parser)]
#[command(version, after_help = variables_help())]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

impl Cli {
    /// What to do. A build with the sandbox is for trying out, so that is what it does when it is told nothing;
    /// one for production says what it can do.
    fn command(self) -> Command {
        self.command.unwrap_or_else(|| {
            #[cfg(feature = "sandbox")]
            return Command::Dev(Options::default());
            #[cfg(not(feature = "sandbox"))]
            <Cli as clap::CommandFactory>::command()
                .error(clap::error::ErrorKind::MissingSubcommand, "say what to do: `serve`, or `catalog check`")
                .exit()
        })
    }
}

#[derive(Subcommand)]
enum Command {
    /// Serve against real Stripe and a real OpenID provider
    #[command(after_help = variables_help())]
    Serve(Options),
    /// Serve in the sandbox: a local Stripe and a local OpenID provider, no keys, nothing is charged [default]
    #[cfg(feature = "sandbox")]
    #[command(after_help = variables_help())]
    Dev(Options),
    /// Work with catalogue files
    #[command(subcommand)]
    Catalog(CatalogCommand),
    #[command(flatten)]
    Operator(operator::OperatorCommand),
}

#[derive(clap::Args, Default)]
struct Options {
    /// Catalogue: builder, chat, dcvaas, protocol-guide, or a file [variable: `BILLHOOK_CATALOG`]
    #[arg(long)]
    catalog: Option<String>,
    /// Address to listen on [variable: `BILLHOOK_ADDR`]
    #[arg(long)]
    addr: Option<String>,
}

#[derive(Subcommand)]
enum CatalogCommand {
    /// Report every mistake in a catalogue, each with its place and how to mend it
    Check {
        /// A file, or the name of a built-in catalogue
        file: String,
    },
}

/// A request makes and drops many small things, on several threads: the system's allocator was a quarter of the work.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse().command()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("billhook: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve(options) => {
            let variables = options.variables();
            start_logging(&variables);
            serve(&variables, Clock::system(), |config| format!("Billhook listens on {}", config.public_url)).await
        }
        #[cfg(feature = "sandbox")]
        Command::Dev(options) => {
            let variables = options.variables();
            start_logging(&variables);
            sandboxed(variables).await
        }
        Command::Catalog(CatalogCommand::Check { file }) => {
            let catalog = catalog_file::load(&file)?;
            println!("{file}: {} plans, no mistakes", catalog.plans.len());
            Ok(())
        }
        Command::Operator(command) => {
            let mut variables = Variables::from_process();
            start_logging(&variables);
            let clock = connect(&mut variables).await?;
            let app = App::open(configuration(&variables)?, clock).await?;
            let done = operator::run(&app, command).await;
            app.store.close().await;
            done
        }
    }
}

impl Options {
    /// The process's variables, with what the command line says instead.
    fn variables(self) -> Variables {
        let mut variables = Variables::from_process();
        for (name, value) in [("BILLHOOK_CATALOG", self.catalog), ("BILLHOOK_ADDR", self.addr)] {
            if let Some(value) = value {
                variables.set(name, value);
            }
        }
        variables
    }
}

/// Serves until the process is told to stop. `banner` is what is printed once everything is up.
async fn serve(variables: &Variables, clock: Clock, banner: impl FnOnce(&Config) -> String) -> anyhow::Result<()> {
    let config = configuration(variables)?;
    let data = data_folder(variables);
    std::fs::create_dir_all(&data).with_context(|| format!("the data folder {} cannot be made", data.display()))?;
    let listener = TcpListener::bind(config.addr).await.with_context(|| {
        format!("cannot listen on {}: choose another BILLHOOK_ADDR, or stop what uses it", config.addr)
    })?;
    let app = App::open(config.clone(), clock).await?;
    println!("{}", banner(&config));
    billhook::server::run(app, listener, told_to_stop()).await;
    Ok(())
}

fn configuration(variables: &Variables) -> anyhow::Result<Config> {
    Config::read(variables).map_err(|mistakes| anyhow!("the configuration is not complete:\n{mistakes}"))
}

/// Without a key of one's own, what runs here is `billhook dev`: its sandbox is asked, and its clock counts.
#[cfg(feature = "sandbox")]
async fn connect(variables: &mut Variables) -> anyhow::Result<Clock> {
    if variables.get("STRIPE_SECRET_KEY").is_some() {
        return Ok(Clock::system());
    }
    let at = |name| format!("http://{}", variables.or_default(name));
    let (stripe, issuer, public_url) = (at("SANDBOX_STRIPE_ADDR"), at("SANDBOX_OIDC_ADDR"), at("BILLHOOK_ADDR"));
    let ahead = dev::clock_ahead(&stripe)
        .await
        .with_context(|| format!("no sandbox answers at {stripe}: start `billhook dev`, or set STRIPE_SECRET_KEY"))?;
    let catalog = billhook::server::config::read_catalog(variables)?;
    dev::point_at(&stripe, &issuer, &public_url, &catalog, variables);
    Ok(Clock::from_fn(move || Clock::wall().0 + ahead))
}

#[cfg(not(feature = "sandbox"))]
async fn connect(_: &mut Variables) -> anyhow::Result<Clock> {
    Ok(Clock::system())
}

#[cfg(feature = "sandbox")]
async fn sandboxed(mut variables: Variables) -> anyhow::Result<()> {
    use std::sync::Arc;

    use billhook::server::config::read_catalog;

    let address =
        |name| variables.or_default(name).parse().with_context(|| format!("{name} is not an address and a port"));
    let public_url = match variables.get("PUBLIC_URL") {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => format!("http://{}", variables.or_default("BILLHOOK_ADDR")),
    };
    let places = dev::Places {
        stripe_addr: address("SANDBOX_STRIPE_ADDR")?,
        oidc_addr: address("SANDBOX_OIDC_ADDR")?,
        data: Some(data_folder(&variables).join("sandbox")),
        public_url,
    };
    let catalog = read_catalog(&variables)?;
    let sandbox = Arc::new(dev::start(places, &catalog, &mut variables).await?);
    let clock = Clock::from_fn({
        let sandbox = Arc::clone(&sandbox);
        move || sandbox.now()
    });
    serve(&variables, clock, |config| dev_banner(config, &sandbox)).await
}

#[cfg(feature = "sandbox")]
fn dev_banner(config: &Config, sandbox: &sandbox::Sandbox) -> String {
    let users = sandbox::SeedUser::defaults()
        .iter()
        .fold(String::new(), |list, user| format!("{list}\n    {} <{}>", user.name, user.email));
    format!(
        "\n  Billhook, sandbox · catalogue {catalog}\n\n  \
         Product    {app}\n  \
         Stripe     {stripe}   objects, events, deliveries\n  \
         Sign-in    {oidc}\n\n  \
         Ready users, no password:{users}\n\n  \
         Test cards, any date and code:\n    \
         4242 4242 4242 4242  succeeds\n    \
         4000 0000 0000 0002  is declined\n    \
         4000 0000 0000 3220  asks for 3-D Secure\n    \
         4000 0000 0000 0341  succeeds now, fails at the next renewal\n\n  \
         Stop with Ctrl-C. What you did is kept for the next start.\n",
        catalog = config.catalog.name,
        app = config.public_url,
        stripe = sandbox.stripe_url(),
        oidc = sandbox.issuer(),
    )
}

fn start_logging(variables: &Variables) {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_new(variables.or_default("RUST_LOG")).unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

/// Resolves at Ctrl-C, or when the system asks the process to end.
async fn told_to_stop() {
    let interrupted = tokio::signal::ctrl_c();
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(error) => {
                tracing::warn!(%error, "SIGTERM cannot be listened for; use Ctrl-C");
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        _ = interrupted => {}
        () = terminated => {}
    }
}

fn variables_help() -> String {
    let mut help = "Variables:".to_owned();
    for variable in VARIABLES {
        let note = match (variable.read_by, variable.default) {
            (ReadBy::Serve, None) => "needed by serve".to_owned(),
            (ReadBy::Dev, Some(default)) => format!("dev only; default {default}"),
            (_, Some(default)) => format!("default {default}"),
            (_, None) => "optional".to_owned(),
        };
        // Writing to a string does not fail.
        let _ = write!(help, "\n  {}\n          {} [{note}]", variable.name, variable.about);
    }
    help
}
