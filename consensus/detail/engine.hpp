#pragma once

#include <array>
#include <deque>
#include <set>

#include "consensus/simplex.hpp"
#include "consensus/tally.hpp"

/// The state behind `Simplex`. Four source files, one idea each:
/// engine.cpp (events in, log and timers out), engine_receive.cpp (admission of messages),
/// engine_views.cpp (rules of a view), engine_finality.cpp (final blocks, restart, questions).
namespace millrace::consensus::detail {

enum class CheckState : std::uint8_t { asked, valid, invalid };

/// The application's word on one block in one view.
struct BlockCheck {
    CheckState state = CheckState::asked;
    bool last_of_epoch = false;
    /// Kept here, so that a block can be built on after its bytes were let go.
    Height height = {};
    WallTime timestamp = {};
};

/// Everything known about one view.
struct Round {
    Round(View round_view, ValidatorIndex round_leader, const ValidatorSet& validators)
        : view(round_view), leader(round_leader), tally(validators) {}

    /// The block that a quorum notarized or finalized.
    [[nodiscard]] std::optional<Proposal> agreed() const;
    std::optional<Certificate>& slot(VoteKind kind);

    View view;
    ValidatorIndex leader;
    Tally tally;
    std::optional<Certificate> notarization;
    std::optional<Certificate> nullification;
    std::optional<Certificate> finalization;
    /// What the leader's first notarize vote says.
    std::optional<Proposal> proposed;
    /// At most two: of the leader's first proposal, and of the block agreed on.
    std::map<Proposal, BlockCheck> checks;
    /// The leader sent a block that can stand in no chain at this view.
    bool unfit = false;
    bool build_asked = false;
    View build_parent_view;
    bool build_declined = false;
};

/// What is asked of peers: a certificate of (view, kind), or a block.
struct Question {
    View view;
    VoteKind kind = VoteKind::nullify;
    std::optional<BlockHash> block;
    friend auto operator<=>(const Question&, const Question&) = default;
    friend bool operator==(const Question&, const Question&) = default;
};
struct QuestionState {
    ValidatorIndex hint;
    /// For a block: none of a later view can be meant.
    View block_view_max;
    std::uint64_t next_try_ms = 0;
    std::uint32_t tries = 0;
};

class Engine {
  public:
    Engine(Config config, const BlockReader& reader, const VoteVerifier& verifier,
           const std::vector<Record>& records);

    std::vector<Effect> step(const Event& event);
    [[nodiscard]] std::vector<Record> snapshot_records() const;

    [[nodiscard]] const Config& config() const { return config_; }
    [[nodiscard]] View current() const { return current_; }
    [[nodiscard]] ValidatorIndex leader_of(View view) const;
    [[nodiscard]] const Floor& floor() const { return floor_; }
    [[nodiscard]] bool closed() const { return closed_; }
    [[nodiscard]] bool halted() const { return halted_; }
    [[nodiscard]] const VoteTable& votes() const { return table_; }
    [[nodiscard]] Simplex::Sizes sizes() const;

  private:
    // engine.cpp: events in, log and timers out
    void on(const Start& event);
    void on(const Received& event);
    void on(const TimerFired& event);
    void on(const Persisted& event);
    void on(const Signed& event);
    void on(const BlockBuilt& event);
    void on(const BuildDeclined& event);
    void on(const BlockChecked& event);
    void on(const FinalizedDurably& event);
    void on(const WorkWaiting& event);
    void on(const CloseEpoch& event);
    void progress();
    void flush_log();
    void set_timer();
    [[nodiscard]] std::uint64_t next_wake() const;
    void halt(HaltReason reason);
    void publish_certificates();

    // engine_receive.cpp: admission
    void receive(std::optional<ValidatorIndex> from, const Vote& vote);
    void receive(std::optional<ValidatorIndex> from, const Certificate& certificate);
    void receive(std::optional<ValidatorIndex> from, const ProposalMessage& message);
    void receive(std::optional<ValidatorIndex> from, const CertificateRequest& request);
    void receive(std::optional<ValidatorIndex> from, const BlockRequest& request);
    void receive(std::optional<ValidatorIndex> from, const BlockResponse& response);
    void blame(std::optional<ValidatorIndex> peer, PeerFault fault);
    void help(std::optional<ValidatorIndex> peer, View seen);
    [[nodiscard]] bool is_admitted(View view) const;
    [[nodiscard]] bool verify_certificate(const Certificate& certificate,
                                          const std::vector<ValidatorIndex>& signers);
    void count(const Vote& vote);
    void form_certificates(Round& round);
    void keep(const Certificate& certificate);
    void announce(const Certificate& certificate);
    [[nodiscard]] const Certificate* latest_finalization() const;

    // engine_views.cpp: the rules of a view
    Round& round(View view);
    [[nodiscard]] Round* find_round(View view);
    [[nodiscard]] const Round* find_round(View view) const;
    void certify_rounds();
    void enter_next();
    void enter(View view, const Certificate* entry);
    void lead();
    void propose(const ParentBlock& parent, View parent_view);
    [[nodiscard]] std::vector<Vote> heard_votes() const;
    void follow();
    void time_out();
    void retry();
    void cast_finalizes();
    [[nodiscard]] std::optional<ParentBlock> parent_at(View view) const;
    [[nodiscard]] bool is_justified(const Round& round, const Proposal& proposal);
    /// The word on a block, asking for what is missing; none while it is not known.
    std::optional<BlockCheck> examine(Round& round, const Proposal& proposal, bool certified);
    [[nodiscard]] bool can_vote() const;
    bool cast(const Subject& subject);
    bool cast_notarize(Round& round, const Proposal& proposal);
    [[nodiscard]] bool has_nullified(View view) const;
    [[nodiscard]] bool has_notarized(View view) const;
    [[nodiscard]] std::uint64_t grown(std::uint64_t base_ms) const;
    [[nodiscard]] std::uint64_t waiting_base() const;
    [[nodiscard]] bool is_leader_absent(ValidatorIndex leader) const;
    [[nodiscard]] View last_final_view() const;
    [[nodiscard]] bool is_certified(const Round& at) const;
    [[nodiscard]] const Certificate* entry_of(const Round& at) const;
    [[nodiscard]] bool is_overrun() const;
    void ask_for_parent(View parent_view, ValidatorIndex hint);

    // engine_finality.cpp: final blocks, restart, questions
    void replay(const std::vector<Record>& records);
    void judge_table(const std::vector<Record>& records);
    void begin_table();
    void advance_finality();
    [[nodiscard]] std::optional<std::vector<BlockPtr>> chain_to(const BlockHash& hash);
    void close();
    void prune();
    [[nodiscard]] bool is_possible(const BlockFacts& facts) const;
    [[nodiscard]] std::set<BlockHash> wanted_by_finality() const;
    bool store_block(const BlockPtr& block);
    [[nodiscard]] bool make_room();
    void drop_passed_blocks();
    [[nodiscard]] BlockPtr find_block(const BlockHash& hash) const;
    void ask_certificate(View view, VoteKind kind, ValidatorIndex hint);
    void ask_block(const BlockHash& hash, View view_max, ValidatorIndex hint);
    void ask(const Question& question, View block_view_max, ValidatorIndex hint);
    void send_question(const Question& question, QuestionState& state);
    void tend_questions();
    [[nodiscard]] bool is_answered(const Question& question) const;

    template <class E>
    void emit(E effect) {
        out_.emplace_back(std::move(effect));
    }

    Config config_;
    const BlockReader& reader_;
    const VoteVerifier& verifier_;

    Instant now_;
    View current_;
    std::map<View, Round> rounds_;
    std::map<BlockHash, BlockPtr> blocks_;
    VoteTable table_;
    /// What the log says that it holds; none until it is begun.
    std::optional<TableRecord> held_;
    Floor floor_;
    /// The application has executed the floor's block: it can be built on.
    bool floor_executed_ = true;
    /// Final by certificate, while blocks below it are being fetched.
    std::optional<Certificate> best_final_;
    /// What became final in which view, as far back as rounds are kept.
    std::map<View, BlockHash> final_by_view_;
    std::optional<Certificate> entry_;
    bool started_ = false;
    bool closed_ = false;
    bool halted_ = false;
    View fell_behind_;

    // the view's timers
    std::uint64_t entered_ms_ = 0;
    bool skip_leader_ = false;
    std::optional<std::uint64_t> retry_ms_;
    std::optional<std::uint64_t> build_ms_;
    std::optional<std::uint64_t> hold_ms_;
    std::optional<std::uint64_t> timer_set_;
    std::optional<std::uint64_t> work_since_ms_;
    std::uint64_t started_ms_ = 0;
    std::vector<std::optional<std::uint64_t>> last_seen_ms_;
    std::vector<std::optional<std::uint64_t>> last_helped_ms_;

    // the log
    std::uint64_t persist_count_ = 0;
    std::vector<Record> records_;
    std::vector<Subject> to_sign_;
    std::map<PersistId, std::vector<Subject>> waiting_;
    std::set<BlockHash> logged_blocks_;
    /// Final blocks that the application has not made durable yet.
    struct Undurable {
        BlockHash hash;
        Height height;
        View view;
    };
    std::deque<Undurable> undurable_;

    std::map<Question, QuestionState> questions_;
    bool dirty_ = false;
    std::vector<Effect> out_;
};

}  // namespace millrace::consensus::detail
