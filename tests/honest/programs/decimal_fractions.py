from decimal import Decimal, getcontext
from fractions import Fraction
getcontext().prec = 40
print(Decimal(2).sqrt(), Fraction(3, 4) + Fraction(1, 4))
