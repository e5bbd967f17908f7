# ---
# jupyter:
#   kernelspec:
#     display_name: python3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 3. How a network learns
#
# **You will be able to**
#
# - say what a weight, a loss and a gradient are, and take a step of gradient descent with a pencil;
# - send numbers forward through convolution, ReLU, max pooling and a dense layer, and send the blame backward through the same layers;
# - write the loop that trains a network, and say what momentum, RMSprop and Adam change in it.
#
# **You need** [lesson 2](02_convolution.ipynb), and from school the slope of a curve. About 40 minutes. Everything runs in under a minute.
#
# You have seen a network tell cats from dogs. Inside it are a million numbers, and nobody typed them in. How were they found? In this lesson you find one such number yourself. Then you find ten, and at the end a few thousand, always by the same method.

# %%
import torch
from torch import nn
from catsdogs.drawing.dataset import draw_pet
from catsdogs.lessons.checks import check_largest_rate, check_loop_order, check_momentum, check_pool_gradient, check_step
from catsdogs.lessons.plots import plot_descent, plot_line, plot_paths, show_numbers, show_pictures

# %%
#| hide
from fastcore.test import test_close, test_eq
import numpy as np

# %% [markdown]
# ## One weight
#
# Here is the smallest network that does something to a picture. It has one **weight**, and it multiplies every pixel by it.

# %%
picture = torch.tensor(np.array(draw_pet("cat", 6, 96))).float().mean(2) / 255
wanted = 0.6 * picture

def network(picture, weight):
    return weight * picture

show_pictures([picture, network(picture, 0.2), wanted], ["the picture", "weight 0.2", "what we want"]);

# %% [markdown]
# *A weight of 0.2 makes the picture too dark. Which weight gives the picture on the right?*
#
# You can see in the code that it is 0.6. Forget that for a moment. A network that learns does not know the right weight. It can only try one, compare the result with what is wanted, and see how wrong it is.
#
# **How wrong is it?** We need one number for that. It is called the **loss**. Here we take the difference at each pixel, square it, and take the mean over all pixels.

# %%
def loss(weight):
    return ((network(picture, weight) - wanted) ** 2).mean()

loss(0.2), loss(0.9)

# %% [markdown]
# Squaring does two things. A pixel that is too dark counts as much as one that is too bright, and a large error counts for more than many small ones.
#
# Before you run the next cell, make a guess: what does the curve look like if we draw the loss for all weights from -0.2 to 1.4?

# %%
weights = torch.linspace(-0.2, 1.4, 60)
losses = torch.stack([loss(w) for w in weights])
plot_line(weights, losses, xlabel="weight", ylabel="loss");

# %% [markdown]
# *The curve is a valley. Its lowest point is at 0.6, the weight that we look for.*
#
# ## Which way is down?
#
# Learning means walking down into this valley. The trouble is that a network does not see the curve. It knows only the place where it stands. But it can make the weight a little larger and look whether the loss becomes smaller. The change of the loss, divided by the change of the weight, is the slope of the curve. It is called the **gradient**.

# %%
def gradient(weight, little=0.001):
    return (loss(weight + little) - loss(weight - little)) / (2 * little)

gradient(0.2), gradient(0.6), gradient(0.9)

# %% [markdown]
# At 0.2 the gradient is negative, so the loss falls when the weight grows. At 0.9 it is positive, and at 0.6 it is zero, because the ground is flat there. In each case the loss becomes smaller if we move the weight *against* its gradient. This rule is **gradient descent**, and nearly every network in the world has learned by it:
#
# > new weight = weight - learning rate × gradient
#
# The **learning rate** says how large the steps are. Try the rule with a pencil first: the weight is 1, its gradient is -2, and the learning rate is 0.1. Where does the step lead?

# %%
check_step(...)      # put your answer in place of the dots; check_step.hint() and check_step.solution() help

# %% [markdown]
# Now let the computer take ten steps, with three learning rates. What will be different?

# %%
def descend(weight, rate, steps=10):
    path = [weight]
    for step in range(steps):
        weight = weight - rate * gradient(weight)
        path.append(float(weight))
    return path

paths = {rate: descend(0.0, rate) for rate in (0.5, 3.0, 4.4)}

# %%

from catsdogs.lessons.plots import plot_descents

plot_descents(loss, paths, torch.linspace(-0.6, 1.8, 60));

# %% [markdown]
# *With a small rate the steps are small and ten of them do not reach the bottom. With a larger one they jump across the valley and still arrive. With the largest one, each step lands higher than the last.*
#
# The last case happens in real trainings too. The loss grows, becomes infinite, and then **NaN**, "not a number". The first thing to try then is a smaller learning rate.
#
# This valley has the form $a\,(w - 0.6)^2$. From which learning rate on does gradient descent walk away from the lowest point? Give your answer as a function of $a$.

# %%
check_largest_rate(...)

# %% [markdown]
# ## A neuron
#
# A network with one weight cannot do much. The part that networks are made of is the **neuron**. It has several inputs, a weight for each of them, and one more number, the **bias**. It multiplies each input by its weight, adds everything up, and adds the bias. Then it applies a simple function, such as ReLU, which turns negative numbers into zero:
#
# $$\text{output} = \mathrm{ReLU}(w_1x_1 + w_2x_2 + \dots + w_nx_n + b)$$
#
# The bias moves the threshold: with a bias of -3 the neuron stays silent until the weighted sum is larger than 3. Without ReLU, neurons behind neurons would be pointless, because a sum of sums is again only a sum.
#
# In a **dense layer** each neuron looks at all inputs. In a convolution each neuron looks at one small window, and all of them share the same weights. That is the only difference between the two.
#
# ## Forward
#
# Let's send a picture of 4×4 pixels through a whole network, small enough to follow every number: a convolution with one 3×3 filter, ReLU, 2×2 max pooling, and a dense layer with one weight. The picture shows a bright stripe.

# %%
tiny = torch.tensor([[0., 1., 0., 0.],
                     [0., 1., 0., 0.],
                     [0., 1., 1., 0.],
                     [0., 0., 0., 0.]])
kernel = torch.tensor([[-1., 2., -1.],
                       [-1., 2., -1.],
                       [-1., 1., -1.]])
dense, bias = 0.5, -1.0
show_numbers(tiny, kernel, titles=("picture", "kernel"));

# %%
feature_map = torch.zeros(2, 2)
for row in range(2):
    for column in range(2):
        window = tiny[row:row + 3, column:column + 3]
        feature_map[row, column] = (window * kernel).sum()

after_relu = feature_map.clamp(min=0)
pooled = after_relu.max()
z = dense * pooled + bias
probability = 1 / (1 + torch.exp(-z))
show_numbers(feature_map, after_relu, pooled, z, probability, titles=("convolution", "ReLU", "max pooling", "dense: z", "sigmoid"));

# %% [markdown]
# *Each layer turns the numbers to its left into those to its right. At the end stands one number between 0 and 1, the probability of "dog".*
#
# The number `z` is called the **logit**. The **sigmoid** squeezes it between 0 and 1, so that it can be read as a probability. Suppose that the picture shows a dog. How wrong is the network? For probabilities one uses the **cross-entropy**: minus the logarithm of the probability that was given to the truth. It is 0 for a sure and right answer, and it grows without limit for one that is sure and wrong.

# %%
truth = 1.0
cross_entropy = -torch.log(probability)
cross_entropy

# %%
#| hide
test_eq(feature_map, torch.tensor([[4., -2.], [3., 0.]]))

# %% [markdown]
# ## Backward
#
# Which of the ten weights is to blame for this loss, and how much? We could nudge each weight and look, as before. With a million weights that would be a million forward passes for a single step. **Backpropagation** finds all gradients in one pass, by walking back through the network, from the loss to the picture.
#
# Each layer asks one question: *the loss changes by so much when my output changes, so by how much does it change when my input changes?* The answer is the product of the two changes. School calls this the chain rule.
#
# - **Sigmoid and cross-entropy** together have a very simple gradient: the probability minus the truth.
# - **Dense**: the gradient of the weight is the input times the gradient that arrives. The gradient of the input is the weight times the gradient that arrives.
# - **Max pooling** passed on one number out of four, and forgot the others. Before you go on: who gets the gradient? Suppose that [[1, 5], [2, 3]] was pooled and a gradient of 4 arrives.

# %%
check_pool_gradient(...)

# %% [markdown]
# - **ReLU** lets the gradient through where it let the number through, and stops it elsewhere.
# - **Convolution**: each weight of the kernel was used in every window. Its gradient is the sum, over all windows, of the pixel that it met times the gradient of that window.

# %%
to_z = probability - truth
to_dense = to_z * pooled
to_pooled = to_z * dense
to_relu = to_pooled * (after_relu == pooled)
to_map = to_relu * (feature_map > 0)

to_kernel = torch.zeros(3, 3)
for row in range(2):
    for column in range(2):
        to_kernel += to_map[row, column] * tiny[row:row + 3, column:column + 3]

show_numbers(to_z, to_pooled, to_map, to_kernel, titles=("to z", "to the pooled", "to the map", "to the kernel"));

# %% [markdown]
# *Read it from left to right: the loss falls if z grows, so it falls if the pooled number grows, so it falls if the winner in the map grows, so it falls if the kernel's weights grow wherever the winner's window is bright.*
#
# So the kernel will become a little more like the window that won. PyTorch does the same work when you call `backward`. This is called **autograd**. Do the two agree?

# %%
k = kernel.clone().requires_grad_()
maps = nn.functional.conv2d(tiny[None, None], k[None, None])
logit = dense * nn.functional.max_pool2d(maps.relu(), 2).squeeze() + bias
nn.functional.binary_cross_entropy_with_logits(logit, torch.tensor(truth)).backward()
torch.allclose(k.grad, to_kernel)

# %%
#| hide
test_close(k.grad, to_kernel, eps=1e-6)

# %% [markdown]
# They agree. You have done by hand what every deep learning library does for you.
#
# ## The training loop
#
# Now we need many pictures in place of one, and many filters in place of one, and nothing else changes. First put the five parts of a training step into their order: `"step"`, `"loss"`, `"zero"`, `"backward"`, `"forward"`. The word "zero" stands for forgetting the gradients, because PyTorch would otherwise add the next ones to them.

# %%
check_loop_order(...)

# %%
#| hide
from catsdogs.drawing.dataset import EASY, draw_pixels, pet_spec

specs = [pet_spec(i, 3, EASY) for i in range(1200)]
pixels = torch.tensor(draw_pixels(specs, 32)).permute(0, 3, 1, 2).float() / 255
is_dog = torch.tensor([float(s.label == "dog") for s in specs])

# %% [markdown]
# We train on 1,000 drawings of 32×32 pixels, in **batches** of 25. The gradient of a batch is a good guess of the gradient of all pictures, and it costs a fortieth of the work. One walk through all batches is an **epoch**. Another 200 drawings are kept aside to see how good the network is on pictures that it has not learned from.

# %%
torch.manual_seed(0)
net = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
                    nn.Flatten(), nn.Linear(32 * 6 * 6, 1))
loss_of = nn.BCEWithLogitsLoss()
history = []
for epoch in range(15):
    for batch in torch.randperm(1000).split(25):
        answers = net(pixels[batch])[:, 0]                 # forward
        mistake = loss_of(answers, is_dog[batch])          # loss
        mistake.backward()                                 # backward
        with torch.no_grad():
            for weight in net.parameters():
                weight -= 0.2 * weight.grad                # step
                weight.grad = None                         # zero
        history.append(mistake.item())

# %%
with torch.no_grad():
    right = (net(pixels[1000:])[:, 0] > 0) == (is_dog[1000:] == 1)
print(f"right on {right.float().mean():.0%} of 200 drawings that it has not learned from")
plot_line(range(len(history)), history, xlabel="step", ylabel="loss of the batch");

# %% [markdown]
# *The loss of single batches jumps, because some batches are harder than others. Its trend is what counts, and it falls.*
#
# **Try it.** Change the learning rate of 0.2 in the loop to 0.01, and then to 3. Which of the pictures above does each remind you of?
#
# ## Better steps
#
# Gradient descent on batches is called **stochastic gradient descent**, SGD for short. It has a weakness: in a valley that is long and narrow, the gradient points to the nearer wall and hardly along the valley. Three ideas help.
#
# - **Momentum** keeps a velocity. Gradients that point to and fro cancel, and gradients that agree add up, as for a ball that rolls.
# - **RMSprop** divides each weight's gradient by the usual size of that weight's gradients. So each weight gets steps of about the same length, whether its valley is steep or flat. The codelab uses it.
# - **Adam** does both, and is what most people try first.
#
# Write momentum yourself. It gets the velocity of the last step, and returns the new weight and the new velocity.

# %%
def momentum_step(weight, velocity, gradient, rate, momentum):
    return weight, velocity      # change this line

check_momentum(momentum_step)

# %%
def walk(make_optimizer, steps=40):
    place = torch.tensor([-5.0, 2.0], requires_grad=True)
    optimizer = make_optimizer([place])
    path = [place.tolist()]
    for step in range(steps):
        height = 0.1 * place[0] ** 2 + 2 * place[1] ** 2
        optimizer.zero_grad()
        height.backward()
        optimizer.step()
        path.append(place.tolist())
    return torch.tensor(path)

ways = {"SGD": walk(lambda p: torch.optim.SGD(p, lr=0.45)),
        "momentum": walk(lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.8)),
        "RMSprop": walk(lambda p: torch.optim.RMSprop(p, lr=0.2)),
        "Adam": walk(lambda p: torch.optim.Adam(p, lr=0.4))}
plot_paths(lambda x, y: 0.1 * x**2 + 2 * y**2, ways);

# %% [markdown]
# *Forty steps each, from the same start to the star. SGD bounces between the walls. Momentum swings, and arrives. RMSprop takes steps of the same length in both directions, reaches the floor of the valley at once, and then walks along it. Adam rolls past the star and comes back.*
#
# Each optimizer got a learning rate that suits it, so this is no race. Which one is best depends on the network and on the data, and has to be measured. How that is done for this library's networks stands in [training/optimizers](../library/training/optimizers.ipynb).
#
# ## `Learner.fit` does this
#
# The loop that you wrote is the heart of fastai's `Learner`. `learn.fit(15)` runs the same five parts, and adds what you would soon miss: the validation loss after each epoch, a progress bar, learning rates that change while the network learns, and places to hook in code of your own. In [lesson 4](04_codelab.ipynb) you use it to train the network of Google's codelab.
#
# ## Questions
#
# <details><summary>1. Why is the loss a single number?</summary>So that any two weights can be compared. "Better" must mean the same everywhere, and downhill must have a direction.</details>
#
# <details><summary>2. The gradient of a weight is 0. What do you know?</summary>A small change of this weight does not change the loss. It may be the best value, a flat place, or a weight that nothing depends on at the moment, as behind a ReLU that is silent.</details>
#
# <details><summary>3. Why does nobody compute gradients by nudging each weight?</summary>It takes a forward pass for each weight. Backpropagation finds all gradients in about the time of two more forward passes.</details>
#
# <details><summary>4. A ReLU's input was -3. Which gradient does it pass back?</summary>Zero. It put out 0, and would still put out 0 if its input were a little larger.</details>
#
# <details><summary>5. Your loss is NaN after ten steps. What do you try first?</summary>A smaller learning rate.</details>
#
# <details><summary>6. What is the difference between a batch and an epoch?</summary>A batch is the pictures of one step. An epoch is as many steps as are needed to see every picture once.</details>
#
# <details><summary>7. Why must the gradients be forgotten after each step?</summary>PyTorch adds new gradients to old ones. Without forgetting, each step would be taken along the sum of all gradients so far.</details>
#
# <details><summary>8. What does momentum do in a long, narrow valley?</summary>Steps across the valley change their sign and cancel. Steps along the valley agree and add up.</details>
#
# ## Read on
#
# - Michael Nielsen, [How the backpropagation algorithm works](http://neuralnetworksanddeeplearning.com/chap2.html): the four equations, slowly.
# - fastbook, [chapter 4](https://github.com/fastai/fastbook/blob/master/04_mnist_basics.ipynb): the same story with handwritten digits.
# - Dive into Deep Learning, [optimization algorithms](https://d2l.ai/chapter_optimization/index.html): momentum, RMSprop and Adam with their formulas.
# - CNN Explainer, [poloclub.github.io/cnn-explainer](https://poloclub.github.io/cnn-explainer/): click on a number and see the window it came from.
# - In this library: [training/optimizers](../library/training/optimizers.ipynb) and [training/learner](../library/training/learner.ipynb).
