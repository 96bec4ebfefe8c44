import itertools

from demo_model.corpus import lessons
from demo_model.noise import CLEAN
from problem_families import generator, mini

from ssd_harness import prompt_styles


def test_lessons_answer_the_generators_prompts_in_one_block():
    taught = list(lessons(seed=4, count=24, noise=CLEAN))
    assert [lesson.user for lesson in taught] == [one.text for one in generator.prompts(seed=4, count=24)]
    for lesson in taught:
        assert lesson.reply.startswith("```python\n")
        assert lesson.reply.endswith("\n```")
        assert lesson.reply.count("```") == 2


def test_the_same_seed_gives_the_same_lessons():
    few = list(lessons(seed=4, count=12, noise=CLEAN))
    assert few == list(itertools.islice(lessons(seed=4, count=30, noise=CLEAN), 12))
    assert few != list(lessons(seed=5, count=12, noise=CLEAN))


def test_no_evaluated_problem_is_taught():
    evaluated = {prompt_styles.render(problem.row()).user for problem in mini.problems()}
    assert not evaluated & {lesson.user for lesson in lessons(seed=0, count=600, noise=CLEAN)}
