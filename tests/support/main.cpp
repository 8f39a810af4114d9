#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>

#include "tests/support/skip.hpp"

namespace millrace::test {
namespace {

/// What ctest knows as "skipped" (SKIP_RETURN_CODE).
constexpr int kSkipped = 77;

/// Counts the cases that ran and those among them that had nothing to run on.
class SkipCounter final : public doctest::IReporter {
  public:
    explicit SkipCounter(const doctest::ContextOptions&) {}

    void test_case_start(const doctest::TestCaseData&) override {
        ++ran_;
        current_was_skipped_ = false;
    }
    void test_case_end(const doctest::CurrentTestCaseStats&) override {
        if (current_was_skipped_) ++skipped_;
    }
    void report_query(const doctest::QueryData&) override {}
    void test_run_start() override {}
    void test_run_end(const doctest::TestRunStats&) override {}
    void test_case_reenter(const doctest::TestCaseData&) override {}
    void test_case_exception(const doctest::TestCaseException&) override {}
    void subcase_start(const doctest::SubcaseSignature&) override {}
    void subcase_end() override {}
    void log_assert(const doctest::AssertData&) override {}
    void log_message(const doctest::MessageData&) override {}
    void test_case_skipped(const doctest::TestCaseData&) override {}

    static void mark() { current_was_skipped_ = true; }
    static unsigned ran() { return ran_; }
    static unsigned skipped() { return skipped_; }

  private:
    static inline bool current_was_skipped_ = false;
    static inline unsigned ran_ = 0;
    static inline unsigned skipped_ = 0;
};
REGISTER_LISTENER("millrace_skips", 1, SkipCounter);

}  // namespace

void skip_case(std::string_view why) {
    std::printf("SKIPPED: %.*s\n", static_cast<int>(why.size()), why.data());
    SkipCounter::mark();
}

/// A failure is a failure, whatever else was skipped. Skipped as a whole is only a run of which no
/// case had anything to test; a run of both kinds has passed, and its last line says how much of
/// it.
int run_tests(int argc, char** argv) {
    doctest::Context context(argc, argv);
    const int result = context.run();
    if (context.shouldExit() || result != 0 || SkipCounter::skipped() == 0) return result;
    std::printf("SKIPPED: %u of %u test cases\n", SkipCounter::skipped(), SkipCounter::ran());
    return SkipCounter::skipped() == SkipCounter::ran() ? kSkipped : 0;
}

}  // namespace millrace::test

int main(int argc, char** argv) {
    return millrace::test::run_tests(argc, argv);
}
