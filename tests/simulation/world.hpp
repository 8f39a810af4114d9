#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <queue>
#include <set>
#include <string>
#include <tuple>

#include "common/rng.hpp"
#include "consensus/simplex.hpp"
#include "tests/simulation/oracle.hpp"
#include "tests/simulation/sim_block.hpp"

/// Many validators in one thread, all misfortune out of one seed: a network that loses, delays,
/// doubles, reorders and splits; disks that forget what was not synced; crashes at every write; and
/// adversaries as small named programs. Same seed, same trace.
namespace millrace::consensus::sim {

/// What a faulty validator does. Each is a small program in adversary.cpp over an honest engine.
enum class Adversary : std::uint8_t {
    none,
    dead,            // never there at all, not even after healing
    goes_silent,     // honest, and from some moment of the bad phase on never heard again
    silent_leader,   // never proposes, votes otherwise
    equivocator,     // two blocks in one view, each to one half
    nuller,          // nullifies every view, and finalizes all the same
    double_voter,    // notarizes and finalizes a second, invented block
    withholder,      // sends every message to a random part of the validators only
    wrong_root,      // proposes blocks with a false state
    forger,          // bad signatures, signers out of range, thin certificates, far views
    replayer,        // sends old messages again
    early_bird,      // timestamps up to two seconds ahead
    parent_skipper,  // proposes on an older parent, without the nullifications
    liar,            // answers questions with certificates of other views and kinds
    boundary_child,  // proposes a new block on top of the epoch's last one
    twin,            // two engines with one key, unaware of each other
};
/// Who does no wrong while it is there: nothing may ever be proven against it.
inline bool is_innocent(Adversary adversary) {
    using enum Adversary;
    return adversary == none || adversary == dead || adversary == goes_silent;
}
BOOST_DESCRIBE_ENUM(Adversary, none, dead, goes_silent, silent_leader, equivocator, nuller,
                    double_voter, withholder, wrong_root, forger, replayer, early_bird,
                    parent_skipper, liar, boundary_child, twin)

struct Options {
    std::uint64_t seed = 0;
    std::vector<Weight> weights;
    std::vector<Adversary> adversaries;  // one per validator
    std::uint64_t fault_ms = 12'000;
    std::uint64_t heal_ms_max = 240'000;
    std::uint64_t heights_after_heal = 8;
    std::uint64_t epoch_heights = 0;  // 0: one epoch without end
    std::uint64_t delay_min_ms = 1;
    std::uint64_t delay_max_ms = 50;
    std::uint64_t loss_permille = 0;
    std::uint64_t duplicate_permille = 0;
    std::uint64_t crash_permille_per_s = 0;  // per validator and second
    std::uint64_t crash_at_write_permille = 0;
    bool all_crash_once = false;
    /// This validator's log is lost in a crash, in the middle of the bad phase.
    std::optional<std::size_t> table_loser;
    std::uint64_t partition_permille_per_s = 0;
    std::uint64_t sync_ms_max = 10;
    std::uint64_t execute_ms_max = 20;
    std::uint64_t skew_ms_max = 0;
    std::uint64_t pending_permille = 0;  // verdicts that come late
    std::uint64_t decline_permille = 0;
    bool idle = false;                 // no work waits
    std::uint64_t fast_leader_ms = 0;  // validator 0's clock is ahead by this
    bool slow_for_ever = false;        // delays stay above delta after healing
    bool split_twins = false;          // the fork on purpose: twins serve two halves
    Timing timing;
};
/// The swarm: which faults, and how strong, out of the seed.
Options make_options(std::uint64_t seed, std::size_t validators);
std::string describe(const Options& options);

struct Outcome {
    bool ok = true;
    std::string failure;
    Hash trace;
    std::uint64_t height = 0;
    std::uint64_t steps = 0;
    std::uint64_t simulated_ms = 0;
    std::uint64_t evidence = 0;
    std::uint64_t epochs = 0;
    /// Of the validator that lost its log, in epochs after that of the loss.
    std::uint64_t votes_after_loss = 0;
    /// Validators that some honest node holds evidence against.
    std::map<std::size_t, std::set<std::size_t>> accused_by;
    bool forked = false;
    /// By the oracle, out of all that was sent.
    std::map<Epoch, std::set<std::uint16_t>> guilty;
};

/// One validator's process and disk.
struct Node {
    std::size_t id = 0;
    std::size_t validator = 0;
    Adversary adversary = Adversary::none;
    bool alive = false;
    bool gone = false;  // for ever
    std::uint64_t incarnation = 0;
    std::int64_t skew_ms = 0;

    // disk: survives crashes
    std::vector<Record> log;
    std::vector<FinalBlock> chain;  // from height 1
    std::set<std::pair<Epoch, Subject>> durable_votes;
    /// In this epoch and earlier ones it has voted before its log was lost.
    std::optional<Epoch> lost;

    // memory
    std::unique_ptr<Simplex> engine;
    std::unique_ptr<Simplex> previous;
    std::map<BlockHash, std::uint64_t> executed;
    std::vector<FinalBlock> unsynced_chain;
    std::deque<std::pair<PersistId, std::vector<Record>>> unsynced;
    std::deque<Event> inbox;
    bool draining = false;
    std::optional<std::uint64_t> timer_at;
    std::uint64_t last_sync_ask_ms = 0;
    bool epoch_over = false;
    bool halted = false;        // no engine of it may sign any more
    std::vector<Message> seen;  // for the replayer and the liar

    [[nodiscard]] bool honest() const { return adversary == Adversary::none; }
    [[nodiscard]] std::uint64_t durable_height() const { return chain.size(); }
};

class World {
  public:
    explicit World(Options options);
    Outcome run();

  private:
    friend class Meddler;

    struct Task {
        std::uint64_t at = 0;
        std::uint64_t tie = 0;
        std::uint64_t number = 0;
        std::function<void()> run;
        bool operator<(const Task& other) const {
            return std::tie(other.at, other.tie, other.number) < std::tie(at, tie, number);
        }
    };

    void schedule(std::uint64_t in_ms, std::function<void()> run);
    /// Runs only if the node has not crashed in between.
    void schedule_for(Node& node, std::uint64_t in_ms, std::function<void()> run);
    void start(Node& node);
    void crash(Node& node);
    void leave(Node& node);
    void lose_table(Node& node);
    void start_engine(Node& node);
    [[nodiscard]] Config config_of(const Node& node, Epoch epoch, Floor floor) const;
    void deliver(Node& node, decltype(Event::what) what);
    void perform(Node& node, Effect effect);
    void on(Node& node, const Persist& effect);
    void on(Node& node, const Sign& effect);
    void on(Node& node, const Broadcast& effect);
    void on(Node& node, const Send& effect);
    void on(Node& node, const SetTimer& effect);
    void on(Node& node, const BuildBlock& effect);
    void on(Node& node, const CheckBlock& effect);
    void on(Node& node, const ServeBlock& effect);
    void on(Node& node, const Finalize& effect);
    void on(Node& node, const EpochEnded& effect);
    void on(Node& node, const FoundEvidence& effect);
    void on(Node& node, const Blame& effect);
    void on(Node& node, const FellBehind& effect);
    void on(Node& node, const Halt& effect);

    void write_log(Node& node);
    void next_epoch(Node& node);
    void sync_from(Node& node, Node& peer);
    void transmit(Node& from, std::size_t validator, const Message& message);
    void transmit_to(Node& from, Node& to, const Message& message);
    void arrive(Node& node, std::size_t from_validator, const Message& message);
    void misfortunes();
    void heal();
    [[nodiscard]] bool is_cut(const Node& a, const Node& b) const;
    [[nodiscard]] Ed25519Signature sign(std::size_t validator, Epoch epoch,
                                        const Subject& subject) const;
    [[nodiscard]] std::shared_ptr<const ValidatorSet> set_of(Epoch epoch) const;
    [[nodiscard]] ValidatorIndex index_of(std::size_t validator, Epoch epoch) const;
    [[nodiscard]] std::size_t validator_of(ValidatorIndex index, Epoch epoch) const;
    [[nodiscard]] Epoch epoch_at(std::uint64_t height) const;
    [[nodiscard]] bool is_last(std::uint64_t height) const;
    [[nodiscard]] Instant instant(const Node& node) const;
    [[nodiscard]] std::uint64_t state_of(const Node& node, const BlockHash& hash) const;
    [[nodiscard]] BlockFacts genesis() const;
    [[nodiscard]] bool goal_reached() const;
    void trace(std::uint64_t a, std::uint64_t b, std::uint64_t c);

    Options options_;
    Rng rng_;
    SimReader reader_;
    SimVerifier verifier_;
    ChainId chain_;
    mutable std::map<Epoch, std::shared_ptr<const ValidatorSet>> sets_;
    std::vector<std::unique_ptr<Node>> nodes_;
    std::priority_queue<Task> tasks_;
    std::uint64_t now_ms_ = 1'000;
    std::uint64_t task_count_ = 0;
    std::uint64_t steps_ = 0;
    bool healed_ = false;
    std::uint64_t height_at_heal_ = 0;
    std::vector<std::size_t> side_;  // partition: nodes of different sides do not talk
    bool one_way_ = false;           // side 0 may still talk to side 1
    std::uint64_t partition_until_ms_ = 0;
    Oracle oracle_;
    Hasher trace_;
    Outcome outcome_;
};

}  // namespace millrace::consensus::sim
