#pragma once

#include <atomic>
#include <thread>

#include "node/chain/block_store.hpp"
#include "node/chain/engine.hpp"
#include "node/chain/executor.hpp"
#include "node/mempool/intake.hpp"
#include "tests/support/market_world.hpp"
#include "tests/support/temp_dir.hpp"

/// A node without sockets for tests: a real database, mempool, executor and engine of one
/// validator, on a clock that only the test moves.
namespace millrace::test {

class FakeClock final : public node::Clock {
  public:
    explicit FakeClock(WallTime start) : wall_(start.value) {}
    [[nodiscard]] consensus::Instant now() const override {
        const std::uint64_t gone = gone_.load();
        return {1'000 + gone, WallTime{wall_ + gone}};
    }
    void advance(std::uint64_t ms) { gone_ += ms; }
    /// Sets the wall clock and leaves the monotonic one as it is.
    void set_wall_forward(std::uint64_t ms) { wall_ += ms; }
    void set_wall_back(std::uint64_t ms) { wall_ -= ms; }

  private:
    std::atomic<std::uint64_t> wall_;
    std::atomic<std::uint64_t> gone_{0};
};

/// An executor over one data folder, without an engine: the test plays agreement.
class NodeChain {
  public:
    NodeChain(const std::filesystem::path& folder, const market::Genesis& genesis,
              FakeClock& fake_clock)
        : clock(fake_clock), genesis_(genesis) {
        auto opened = node::LedgerDb::open(folder);
        REQUIRE(opened.has_value());
        db = *std::move(opened);
        auto made = node::Executor::open({*db, mempool, clock, &signer_,
                                          [this](const node::FinalBlockPtr& block) {
                                              if (on_final) on_final(block);
                                          }},
                                         genesis);
        REQUIRE(made.has_value());
        executor = *std::move(made);
    }
    [[nodiscard]] node::Head head() const {
        auto kept = node::BlockStore(*db).head();
        REQUIRE((kept.has_value() && kept->has_value()));
        return **std::move(kept);
    }
    [[nodiscard]] consensus::BuildBlock wanted(std::uint64_t view) const {
        const node::Head at = head();
        return {View{view}, {at.hash, at.height, at.time, false}, WallTime{at.time.value + 50}};
    }
    /// The block as agreement hands it around.
    [[nodiscard]] static consensus::BlockPtr block_of(const Bytes& bytes) {
        const auto facts = node::MarketBlockReader().read(bytes);
        REQUIRE(facts.has_value());
        return std::make_shared<const consensus::Block>(consensus::Block{*facts, bytes});
    }
    /// Makes blocks final and waits until they are durable, so that a test can look at once.
    Result<bool> finalize(const consensus::Finalize& final) const {
        auto ended = executor->finalize(final);
        if (!ended.has_value()) return ended;
        MILLRACE_TRY(const auto newest, executor->durable(node::Application::Wait::all));
        REQUIRE(newest == final.certificate.subject.proposal.block);
        return ended;
    }
    /// A finalization of one block; the executor takes agreement's word for its certificate.
    [[nodiscard]] static consensus::Finalize final_of(std::vector<consensus::BlockPtr> blocks) {
        consensus::Finalize out;
        const consensus::BlockFacts facts = blocks.back()->facts;
        out.certificate.epoch = facts.epoch;
        out.certificate.subject =
            consensus::Subject::finalize(facts.view, {View{facts.view.value - 1}, facts.hash});
        out.blocks = std::move(blocks);
        return out;
    }

    FakeClock& clock;
    node::Mempool mempool{8U << 20U};
    std::unique_ptr<node::LedgerDb> db;
    std::unique_ptr<node::Executor> executor;
    std::function<void(const node::FinalBlockPtr&)> on_final;

  protected:
    market::Genesis genesis_;
    Ed25519Secret vote_{market::secret_from("vote")};
    VrfSecret vrf_{market::secret_from("vrf")};
    node::LocalSigner signer_{vote_, vrf_};
};

/// Passes on to the executor, and fails once where the test says: the engine dies there as in a
/// crash, with what was durable before still durable.
class FailingApplication final : public node::Application {
  public:
    enum class Point : std::uint8_t { never, before_finalize, after_finalize };
    explicit FailingApplication(node::Application& inner) : inner_(inner) {}
    std::optional<Built> build(const consensus::BuildBlock& wanted) override {
        auto built = inner_.build(wanted);
        if (built && built->last_of_epoch) was_boundary = true;
        if (built) questions_left_ = kNotFinal;
        return built;
    }
    Checked check(const consensus::CheckBlock& block) override { return inner_.check(block); }
    Result<bool> finalize(const consensus::Finalize& final) override {
        const bool is_due =
            fail_at != Point::never && (!only_boundary || was_boundary) && skip-- == 0;
        if (is_due && fail_at == Point::before_finalize) return Err{Error{6, "crash"}};
        auto done = inner_.finalize(final);
        if (is_due) return Err{Error{6, "crash"}};
        return done;
    }
    Result<std::optional<BlockHash>> durable(Wait wait) override {
        auto newest = inner_.durable(wait);
        if (newest.has_value() && *newest) questions_left_ = 2;
        return newest;
    }
    void wake_by(std::function<void()> wake) override { inner_.wake_by(std::move(wake)); }
    [[nodiscard]] bool has_work() const override {
        int left = questions_left_.load();
        while (left > 0 && left != kNotFinal &&
               !questions_left_.compare_exchange_weak(left, left - 1)) {
        }
        return inner_.has_work();
    }
    /// Until the engine has taken its first step, and between a block's building and the engine's
    /// rest after its finalization, which is told by the second question for work: in a real node
    /// this is a few milliseconds, in which a test's clock must not run for a second.
    [[nodiscard]] bool is_busy() const { return questions_left_.load() > 0; }
    [[nodiscard]] std::optional<WallTime> work_due() const override { return inner_.work_due(); }

    Point fail_at = Point::never;
    /// Finalizations (of the kind asked for) that still succeed.
    int skip = 0;
    bool only_boundary = false;
    std::atomic<bool> was_boundary{false};

  private:
    static constexpr int kNotFinal = 1'000;
    mutable std::atomic<int> questions_left_{1};
    node::Application& inner_;
};

/// The same with its engine on its thread.
class NodeWithEngine : public NodeChain {
  public:
    NodeWithEngine(const std::filesystem::path& folder, const market::Genesis& genesis,
                   FakeClock& fake_clock, bool is_clock_gap_accepted = false)
        : NodeChain(folder, genesis, fake_clock),
          app(*executor),
          engine({*db, app, reader_, verifier_, clock, &signer_,
                  [this] { return executor->next_epoch(signer_.vote_key()); },
                  [this](const Error& error) {
                      death = error.message;
                      is_dead = true;
                  },
                  is_clock_gap_accepted}),
          intake(*db, mempool, clock, market::chain_id_of(genesis),
                 [this] { engine.notify_work(); }) {}
    ~NodeWithEngine() { engine.stop(); }

    /// Moves the clock in steps until `is_done`; fails after so many steps.
    template <class Predicate>
    void run_until(Predicate is_done, std::uint64_t step_ms = 50, int steps_max = 20'000) {
        for (int i = 0; i < steps_max; ++i) {
            if (is_done()) return;
            if (!app.is_busy()) clock.advance(step_ms);
            engine.notify_work();
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        FAIL("the condition never came; the head is at " << head().height.value << " " << death);
    }
    void run_to_height(std::uint64_t height, std::uint64_t step_ms = 50) {
        run_until([&] { return is_dead || head().height.value >= height; }, step_ms);
    }
    /// The log as a restart would read it.
    [[nodiscard]] std::vector<consensus::Record> log() const {
        std::vector<consensus::Record> out;
        auto rows = db->scan(node::Column::votes, {}, {}, 100'000);
        REQUIRE(rows.has_value());
        for (const auto& [key, value] : *rows) {
            auto record = decode<consensus::Record>(value);
            REQUIRE(record.has_value());
            out.push_back(*std::move(record));
        }
        return out;
    }

    FailingApplication app;
    std::string death;
    std::atomic<bool> is_dead{false};
    node::ChainEngine engine;
    node::TxIntake intake;

  private:
    node::MarketBlockReader reader_;
    node::Ed25519Verifier verifier_;
};

}  // namespace millrace::test
