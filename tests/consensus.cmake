set(MILLRACE_SIM_SOURCES
  simulation/adversary.cpp
  simulation/options.cpp
  simulation/oracle.cpp
  simulation/world.cpp)

add_library(millrace_sim STATIC ${MILLRACE_SIM_SOURCES})
target_link_libraries(millrace_sim PUBLIC millrace_consensus fmt::fmt)
add_executable(sim simulation/sim_main.cpp)
target_link_libraries(sim PRIVATE millrace_sim)

# The same sources with planted bugs, to show that the simulation sees them (detail/mutation.hpp).
get_target_property(MILLRACE_CONSENSUS_SOURCES millrace_consensus SOURCES)
list(FILTER MILLRACE_CONSENSUS_SOURCES INCLUDE REGEX "\\.cpp$")
list(TRANSFORM MILLRACE_CONSENSUS_SOURCES PREPEND ${CMAKE_SOURCE_DIR}/consensus/)
add_library(millrace_sim_mutants STATIC ${MILLRACE_CONSENSUS_SOURCES} ${MILLRACE_SIM_SOURCES})
target_compile_definitions(millrace_sim_mutants PUBLIC MILLRACE_CONSENSUS_MUTANTS)
target_link_libraries(millrace_sim_mutants PUBLIC millrace_common fmt::fmt)

millrace_test(NAME test_consensus_sim LABELS simulation
  SOURCES simulation/simulation_test.cpp
  LIBS millrace_sim)
add_executable(test_consensus_mutants simulation/mutants_test.cpp)
target_link_libraries(test_consensus_mutants PRIVATE millrace_test_main millrace_sim_mutants)
add_test(NAME test_consensus_mutants COMMAND test_consensus_mutants)
set_tests_properties(test_consensus_mutants PROPERTIES LABELS simulation TIMEOUT 600)

millrace_test(NAME test_consensus LABELS unit golden
  SOURCES
    unit/consensus/engine_blocks_test.cpp
    unit/consensus/engine_finality_test.cpp
    unit/consensus/engine_log_test.cpp
    unit/consensus/engine_test.cpp
    unit/consensus/parts_test.cpp
  LIBS millrace_consensus)
target_compile_definitions(test_consensus PRIVATE
  MILLRACE_GOLDEN_DIR="${CMAKE_CURRENT_SOURCE_DIR}/golden")
