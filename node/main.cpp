#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <iostream>
#include <mutex>
#include <thread>

#include "common/sodium_init.hpp"
#include "node/blobs/trees.hpp"
#include "node/chain/executor.hpp"
#include "node/dev_chain.hpp"
#include "node/keys.hpp"
#include "node/log.hpp"
#include "node/metrics.hpp"
#include "node/modules.hpp"
#include "node/provider/keeper.hpp"
#include "node/provider/local_backend.hpp"
#include "node/provider/loop.hpp"
#include "node/rpc/node_api.hpp"
#include "node/rpc/server_http.hpp"
#include "node/rpc/store_blobs.hpp"
#include "node/settings.hpp"
#include "node/signer.hpp"

namespace {

using namespace millrace;
using namespace millrace::node;

constexpr int kExitUsage = 1;
constexpr int kExitFault = 6;
constexpr int kExitLate = 7;
/// The manual promises an end within five seconds of the signal.
constexpr std::chrono::milliseconds kStopPatience{4'000};
/// How long a start waits for the first look at what must be kept.
constexpr std::chrono::milliseconds kFirstLookPatience{2'000};
/// The ledger's 256 tables, its logs, and what threads and workers need.
constexpr rlim_t kDescriptorsOfNode = 512;

/// Blocks the signals that end a daemon in all threads, and takes them on one of its own. From then
/// on the process has so long to end by itself: a call that takes long or a disk that hangs does
/// not keep it. What is final, and each vote, was synced before anybody was told of it.
class StopSignals {
  public:
    /// `is_faulted`: the stop is one for a fault, and so is its exit code.
    explicit StopSignals(const std::atomic<bool>& is_faulted) : is_faulted_(is_faulted) {
        sigemptyset(&set_);
        for (const int signal : {SIGINT, SIGTERM}) sigaddset(&set_, signal);
        pthread_sigmask(SIG_BLOCK, &set_, nullptr);
        thread_ = std::thread([this] { watch(); });
    }
    ~StopSignals() {
        {
            const std::lock_guard lock(mutex_);
            is_over_ = true;
        }
        changed_.notify_all();
        pthread_kill(thread_.native_handle(), SIGTERM);  // where none has come
        thread_.join();
    }
    StopSignals(const StopSignals&) = delete;
    StopSignals& operator=(const StopSignals&) = delete;
    void wait() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return is_asked_; });
    }

  private:
    void watch() {
        int signal = 0;
        while (sigwait(&set_, &signal) != 0) {
        }
        std::unique_lock lock(mutex_);
        is_asked_ = true;
        changed_.notify_all();
        if (changed_.wait_for(lock, kStopPatience, [this] { return is_over_; })) return;
        constexpr std::string_view kSentence =
            "millraced: stopped without waiting any longer for what had not ended four seconds "
            "after the signal; nothing final is lost\n";
        // The log's lock may be what is waited for, and whoever reads the log may not.
        pollfd out{STDERR_FILENO, POLLOUT, 0};
        if (::poll(&out, 1, 0) == 1) [[maybe_unused]]
            const ssize_t told = ::write(STDERR_FILENO, kSentence.data(), kSentence.size());
        ::_exit(is_faulted_ ? kExitFault : kExitLate);
    }

    const std::atomic<bool>& is_faulted_;
    sigset_t set_{};
    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_asked_ = false;
    bool is_over_ = false;
    std::thread thread_;
};

/// Debian's RocksDB is built with its assertions: a write that fails at the wrong moment ends in
/// abort(), not in an error. What is final is in the log on disk all the same; the operator is told
/// what to look at, and the exit code is the one that the manual lists.
void on_abort(int /*signal*/) {
    constexpr std::string_view kSentence =
        "millraced: the ledger's database gave up, most likely at a disk that is full or fails; "
        "the last final block is safe: look at the lines above and at the disk, then start again\n";
    [[maybe_unused]] const ssize_t told =
        ::write(STDERR_FILENO, kSentence.data(), kSentence.size());
    ::_exit(kExitFault);
}

int fail(const Error& error, int exit_code) {
    std::cerr << "millraced: " << error.message << "\n";
    return exit_code;
}

/// Takes as many descriptors as the bounds on connections can need, where the system allows.
/// Without them the ledger cannot open its tables, and a node that is merely busy would stop.
Status<> take_descriptors(const Settings& settings) {
    // A connection, and the file that goes over it.
    const rlim_t needed =
        kDescriptorsOfNode + rpc::kConnectionsBesideMax + 2 * rlim_t{settings.rpc_connections_max};
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= needed) return Ok{};
    if (files.rlim_max < needed)
        return Err{Error{kExitUsage, "rpc-connections-max " +
                                         std::to_string(settings.rpc_connections_max) + " needs " +
                                         std::to_string(needed) +
                                         " open files and this process may have " +
                                         std::to_string(files.rlim_max) +
                                         "; raise the limit (ulimit -n) or lower the setting"}};
    files.rlim_cur = needed;
    (void)::setrlimit(RLIMIT_NOFILE, &files);
    return Ok{};
}

/// What an owner needs to register this node as a provider's machine. The chains that there are so
/// far are test networks.
int print_provider_keys(const Settings& settings) {
    const auto keys = load_or_make_keys(settings.data_dir / "keys");
    if (!keys.has_value()) return fail(keys.error(), 2);
    std::cout << "operator=" << to_text(to_address(keys->provider.public_key()), Network::test)
              << "\nvrf-key=" << to_hex(keys->provider_vrf.public_key().view()) << "\n";
    return 0;
}

rpc::HttpSettings http_settings(const Settings& settings) {
    rpc::HttpSettings http;
    http.address = settings.rpc_address;
    http.port = settings.rpc_port;
    http.tls_certificate = settings.rpc_tls_certificate;
    http.tls_key = settings.rpc_tls_key;
    http.allowed_hosts = parts_of(settings.rpc_allowed_hosts);
    http.allowed_origins = parts_of(settings.rpc_allowed_origins);
    http.connections_max = settings.rpc_connections_max;
    http.client_connections_max = settings.rpc_client_connections_max;
    http.calls_per_second_max = settings.rpc_client_calls_per_second_max;
    http.limit_loopback = settings.rpc_limit_loopback;
    http.body_bytes_max = settings.rpc_body_bytes_max;
    http.dispatch.response_bytes_max = settings.rpc_response_bytes_max;
    http.answers_bytes_max = settings.rpc_answers_bytes_max;
    http.dispatch.batch_max = settings.rpc_batch_max;
    http.subscriptions_max = settings.rpc_subscriptions_max;
    http.idle_timeout_ms = settings.rpc_idle_timeout_ms;
    http.request_timeout_ms = settings.rpc_request_timeout_ms;
    http.slow_client_ms = settings.rpc_slow_client_ms;
    return http;
}

/// The node's figures of this moment, for Prometheus.
Figures read_figures(const rpc::NodeApi& api, const ProgressTable& progress,
                     const rpc::HttpServer::Traffic& traffic) {
    const StateSnapshot snapshot(api.db);
    const auto head = BlockStore(snapshot.db()).head();
    if (!head.has_value()) stop_on_ledger_fault(head.error());
    const market::ChainState chain = market::load_chain(snapshot.state());
    const consensus::Instant now = api.clock.now();
    Figures out;
    out.chain_height = (*head)->height.value;
    out.chain_head_age_ms = now.wall.value - std::min(now.wall.value, (*head)->time.value);
    out.chain_clock_behind_ms = (*head)->time.value - std::min(now.wall.value, (*head)->time.value);
    out.mempool_transactions = api.mempool.usage().transactions;
    out.mempool_bytes = api.mempool.usage().bytes;
    out.blob_bytes = api.blobs.usage().bytes;
    out.blob_quota_bytes = api.blobs.usage().quota_bytes;
    out.market_bids = chain.bids;
    out.market_asks = chain.asks;
    out.rpc_connections = traffic.connections;
    out.rpc_requests_total = traffic.requests;
    out.rpc_refused_total = traffic.refused;
    out.provider_tasks_running = progress.size();
    out.uptime_ms = now.monotonic_ms - api.started_ms;
    read_process(out);
    return out;
}

int run(const Settings& settings) {
    std::atomic<bool> is_faulted{false};
    // Before any thread, so that all inherit the mask.
    StopSignals signals(is_faulted);
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGABRT, on_abort);
    init_log(settings.log_level, settings.log_json);
    if (const auto taken = take_descriptors(settings); !taken.has_value())
        return fail(taken.error(), kExitUsage);

    auto db = LedgerDb::open(settings.data_dir / "ledger");
    if (!db.has_value()) return fail(db.error(), db.error().code);
    auto keys = load_or_make_keys(settings.data_dir / "keys");
    if (!keys.has_value()) return fail(keys.error(), 2);
    auto blobs = BlobStore::open(settings.data_dir / "blobs", settings.blob_quota_bytes);
    if (!blobs.has_value()) return fail(blobs.error(), 2);
    auto trees = TreeStore::open(settings.data_dir / "trees", **blobs);
    if (!trees.has_value()) return fail(trees.error(), 2);
    auto pins = Pins::open(settings.data_dir / "pins", **blobs, **trees);
    if (!pins.has_value()) return fail(pins.error(), 2);
    auto genesis = load_or_make_dev_genesis(settings.data_dir / "genesis.json", *keys);
    if (!genesis.has_value()) return fail(genesis.error(), 2);
    auto journal = Journal::open(settings.data_dir / "provider");
    if (!journal.has_value()) return fail(journal.error(), 2);

    LocalSigner signer(keys->vote, keys->vrf);
    const SystemClock clock;
    const MarketBlockReader reader;
    const Ed25519Verifier verifier;
    Mempool mempool(settings.mempool_bytes_max);
    const ChainId chain = market::chain_id_of(*genesis);
    const Address operator_account = to_address(keys->provider.public_key());
    std::optional<Address> owner;
    if (!settings.provide_for.empty()) {
        const auto address = parse_address(settings.provide_for, genesis->network);
        if (!address.has_value())
            return fail(Error{kExitUsage, "--provide-for " + settings.provide_for + ": " +
                                              std::string(sentence(address.error()))},
                        kExitUsage);
        owner = *address;
    }

    // Destroyed after the loop that tells it of results.
    std::optional<Keeper> keeper;
    // Filled in once they exist; final blocks come only after the engine has started.
    std::unique_ptr<ProviderLoop> loop;
    rpc::FinalityHub hub;
    auto executor = Executor::open({**db, mempool, clock, &signer,
                                    [&loop, &hub](const FinalBlockPtr&) {
                                        if (loop) loop->notify();
                                        hub.notify();
                                    },
                                    settings.history_blocks},
                                   *genesis);
    if (!executor.has_value()) return fail(executor.error(), 2);

    ChainEngine engine({**db, **executor, reader, verifier, clock, &signer,
                        [&] { return (*executor)->next_epoch(signer.vote_key()); },
                        [&](const Error& error) {
                            spdlog::critical("{}", error.message);
                            is_faulted = true;
                            ::kill(::getpid(), SIGTERM);
                        },
                        settings.accept_clock_gap});
    TxIntake intake(**db, mempool, clock, chain, [&engine] { engine.notify_work(); });
    ProgressTable progress;
    LocalLimits local_limits;
    local_limits.memory_bytes = memory_for_tasks(settings);
    LocalBackend backend(**blobs, **trees, settings.data_dir / "work", local_limits);
    LocalAnnouncer announcer(**db, **blobs, signer);
    auto access = rpc::AccessControl::open(settings.data_dir, settings.rpc_require_token);
    if (!access.has_value()) return fail(access.error(), 2);
    const rpc::NodeApi api{**db,
                           mempool,
                           intake,
                           **blobs,
                           **trees,
                           **pins,
                           announcer,
                           clock,
                           chain,
                           genesis->network,
                           clock.now().monotonic_ms,
                           settings.provide,
                           owner.value_or(operator_account),
                           operator_account,
                           keys->provider_vrf.public_key(),
                           progress,
                           settings.history_blocks,
                           access->get(),
                           [] { ::kill(::getpid(), SIGTERM); },
                           *genesis};
    rpc::MethodTable methods(JsonStyle{genesis->network});
    rpc::add_all_methods(methods, api);
    rpc::StoreBlobs http_blobs(**blobs);
    std::atomic<bool> is_ready{false};
    const auto metrics = [&](const rpc::HttpServer::Traffic& traffic) {
        return metrics_text(read_figures(api, progress, traffic));
    };
    rpc::HttpServer server(
        {methods, http_blobs, [&] { return is_ready && !engine.is_waiting_for_clock(); },
         access->get(), &api, &hub, metrics},
        http_settings(settings));
    // Before anybody can upload: what is needed must not make room in the moment after a start.
    keeper.emplace(Keeper::Ports{**db, **blobs, **trees, **pins, owner.value_or(operator_account)},
                   *journal);
    keeper->start();
    // A look takes a moment. Where a slow disk makes it minutes, blocks and votes do not wait.
    if (!keeper->wait_for_look(kFirstLookPatience))
        spdlog::info(
            "blobs: what jobs need is still being looked up; until it is known nothing is deleted, "
            "and what has no room is refused");
    if (const auto listening = server.start(); !listening.has_value())
        return fail(listening.error(), listening.error().code);
    if (settings.provide) {
        Offer offer = make_offer(settings);
        offer.endpoint = settings.rpc_address + ":" + std::to_string(server.port());
        loop = std::make_unique<ProviderLoop>(
            ProviderLoop::Ports{**db, intake, mempool, clock, backend, progress,
                                [&keeper](const LeaseId& lease, const market::Claim& claim) {
                                    keeper->keep_result(lease, claim);
                                },
                                keys->provider, keys->provider_vrf.public_key(), chain,
                                genesis->network, owner},
            std::move(offer), *std::move(journal));
        loop->start();
    }
    // Last: from here on final blocks come, and the provider's loop hears of them.
    if (const auto started = engine.start(); !started.has_value()) {
        // Its threads use what is destroyed before it.
        server.stop();
        if (loop) loop->stop();
        return fail(started.error(), kExitFault);
    }
    is_ready = true;
    spdlog::info("chain {} on {}:{}, data in {}", to_hex(chain.view()).substr(0, 12),
                 settings.rpc_address, server.port(), settings.data_dir.string());

    signals.wait();
    spdlog::info("stopping");
    is_ready = false;
    // First: a thread that hashes a file of gigabytes is one that the others wait for.
    (*blobs)->stop();
    keeper->give_up();
    server.stop();
    if (loop) loop->stop();
    engine.stop();
    return is_faulted ? kExitFault : 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (const auto ready = init_sodium(); !ready.has_value())
        return fail(ready.error(), kExitFault);
    const Parsed parsed = parse_settings(argc, argv);
    if (parsed.exit_code) return *parsed.exit_code;
    try {
        if (parsed.settings.print_provider_keys) return print_provider_keys(parsed.settings);
        return run(parsed.settings);
    } catch (const std::exception& trouble) {
        // The libraries' exceptions are caught where they are called; what comes here is a mistake.
        return fail(Error{kExitFault, std::string("internal error: ") + trouble.what()},
                    kExitFault);
    }
}
