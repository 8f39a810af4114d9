#include "wallet/job_results.hpp"

#include <doctest/doctest.h>

namespace millrace::wallet {
namespace {

market::JobView job_of(std::uint32_t tasks) {
    market::JobView job;
    job.spec.tasks = tasks;
    job.tasks_open = tasks;
    return job;
}

TaskOutcome settled(std::uint32_t task, market::ClaimEnd end, std::uint32_t code,
                    std::uint64_t gas) {
    market::TaskResult result;
    result.end = end;
    result.code = code;
    result.gas = Gas{gas};
    return {task, market::TaskState::settled, result};
}

}  // namespace

TEST_SUITE("wallet/job_results") {
    TEST_CASE("phases and details follow the tasks' states") {
        market::JobView job = job_of(4);
        CHECK(phase_of(job) == "waiting");
        CHECK(progress_detail(job) == "4 open");
        job.tasks_open = 1;
        job.tasks_leased = 1;
        job.tasks_revealed = 2;
        CHECK(phase_of(job) == "running");
        CHECK(progress_detail(job) == "1 open, 1 running, 2 checking");
        job.tasks_open = 0;
        job.tasks_leased = 0;
        job.tasks_settled = 2;
        CHECK(phase_of(job) == "checking");
        CHECK_FALSE(has_ended(job));
        job.tasks_revealed = 0;
        job.tasks_failed = 1;
        job.tasks_disputed = 1;
        CHECK(has_ended(job));
        CHECK(phase_of(job) == "done");
        CHECK(progress_detail(job) == "1 disputed, 1 failed, 2 settled");
    }

    TEST_CASE("running tasks that tell it show the share of their gas, each task once") {
        market::JobView job = job_of(9);
        job.tasks_open = 1;
        job.tasks_leased = 8;
        const auto row = [](std::uint32_t task, std::uint64_t used, std::uint64_t limit) {
            RunningTask out;
            out.task = task;
            out.gas_used = Gas{used};
            out.gas_limit = Gas{limit};
            return out;
        };
        const auto rows = furthest({row(3, 10, 1'000), row(1, 0, 1'000), row(3, 425, 1'000)});
        REQUIRE(rows.size() == 2);
        CHECK(rows[1].gas_used == Gas{425});
        CHECK(progress_detail(job, rows) == "1 open, 8 running (task 3: 42% of its gas)");
        CHECK(progress_detail(job, {}) == "1 open, 8 running");
        std::vector<RunningTask> many;
        for (std::uint32_t i = 0; i < 5; ++i) many.push_back(row(i, 50, 100));
        CHECK(progress_detail(job, many) ==
              "1 open, 8 running (task 0: 50% of its gas, task 1: 50%, task 2: 50%, 2 more)");
        CHECK(gas_percent(row(0, 0, 0)) == 100);
        CHECK(gas_percent(row(0, UINT64_MAX - 1, UINT64_MAX)) == 100);
    }

    TEST_CASE("an outcome in words") {
        CHECK(outcome_text(settled(0, market::ClaimEnd::exited, 0, 1)) == "exit 0");
        CHECK(outcome_text(settled(0, market::ClaimEnd::exited, 3, 1)) == "exit 3");
        CHECK(outcome_text(settled(0, market::ClaimEnd::out_of_gas, 0, 1)) == "out of gas");
        TaskOutcome trap = settled(0, market::ClaimEnd::trapped, 1, 1);
        trap.result->trap_function = 12;
        CHECK(outcome_text(trap) == "trap: unreachable in function 12");
        CHECK(outcome_text({0, market::TaskState::failed, std::nullopt}) == "failed");
        // What is claimed and not settled is no result yet.
        TaskOutcome revealed = settled(0, market::ClaimEnd::exited, 0, 1);
        revealed.state = market::TaskState::revealed;
        CHECK(outcome_text(revealed) == "revealed");
        CHECK_FALSE(is_success(revealed));
    }

    TEST_CASE("a summary counts every task once") {
        market::JobView job = job_of(7);
        job.job.paid = Amount{1'000};
        job.closed = Height{41};
        const std::vector<TaskOutcome> tasks = {
            settled(0, market::ClaimEnd::exited, 0, 100),
            settled(1, market::ClaimEnd::exited, 2, 200),
            settled(2, market::ClaimEnd::trapped, 1, 300),
            settled(3, market::ClaimEnd::out_of_gas, 0, 400),
            {4, market::TaskState::failed, std::nullopt},
            {5, market::TaskState::disputed, std::nullopt},
            {6, market::TaskState::leased, std::nullopt},
        };
        const std::vector<Price> prices = {Price{7}, Price{5}, Price{6}};
        const JobSummary summary = summarise(job, tasks, prices);
        CHECK(summary.succeeded == 1);
        CHECK(summary.exited_nonzero == 1);
        CHECK(summary.trapped == 1);
        CHECK(summary.out_of_gas == 1);
        CHECK(summary.failed == 1);
        CHECK(summary.disputed == 1);
        CHECK(summary.unfinished == 1);
        CHECK(summary.gas == Gas{1'000});
        CHECK(summary.gas_max == Gas{400});
        CHECK(summary.price_low == Price{5});
        CHECK(summary.price_high == Price{7});
        CHECK(summary.paid_per_task == Amount{250});
        CHECK(summary.closed == Height{41});
        CHECK(summary_text(summary).find("by block 41") != std::string::npos);
        const auto failure = failure_of(summary, tasks);
        REQUIRE(failure.has_value());
        CHECK(failure->exit == Exit::job_failed);
        CHECK(failure->message.find("6 of 7") != std::string::npos);
        CHECK(failure->message.find("task 1: exit 2") != std::string::npos);
        CHECK(failure->message.find("and 1 more") != std::string::npos);
        CHECK(failure->message.find("--gas") != std::string::npos);
    }

    TEST_CASE("a job whose tasks all succeeded is no failure") {
        const std::vector<TaskOutcome> tasks = {settled(0, market::ClaimEnd::exited, 0, 1)};
        const JobSummary summary = summarise(job_of(1), tasks, {});
        CHECK_FALSE(failure_of(summary, tasks).has_value());
        CHECK_FALSE(summary.price_low.has_value());
        CHECK(summary_text(summary).find("1 of 1 succeeded") != std::string::npos);
        CHECK(summary_text(summary).find("block") == std::string::npos);
    }
}

}  // namespace millrace::wallet
